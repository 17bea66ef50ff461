#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "dataplane/carrier.hpp"

namespace causeway::testing {

/// Keeps what is sent, or hands it on at once.
class FakeCarrier final : public dataplane::Carrier {
 public:
  struct Sent {
    net::Endpoint to;
    Bytes bytes;
    std::uint16_t segment_bytes = 0;
    std::uint8_t ecn = 0;
    std::size_t segments() const { return (bytes.size() + segment_bytes - 1) / segment_bytes; }
  };

  dataplane::SendOutcome send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept override {
    ++calls;
    if (most_datagram_bytes && batch.segment_bytes > *most_datagram_bytes) {
      return {dataplane::SendStatus::too_big, 90, 0};
    }
    if (outcome.status != dataplane::SendStatus::sent) return outcome;
    if (deliver) {
      deliver(to, batch);
    } else {
      sent.push_back({to, Bytes(batch.bytes.begin(), batch.bytes.end()), batch.segment_bytes, batch.ecn});
    }
    return {dataplane::SendStatus::sent, 0, static_cast<std::uint32_t>(batch.segments())};
  }
  std::size_t datagrams() const {
    std::size_t count = 0;
    for (const Sent& batch : sent)
      count += batch.segments();
    return count;
  }

  dataplane::SendOutcome outcome;                  ///< what every send comes to
  std::optional<std::size_t> most_datagram_bytes;  ///< longer ones are too_big
  std::function<void(const net::Endpoint&, const dataplane::SendBatch&)> deliver;
  std::vector<Sent> sent;
  std::size_t calls = 0;
};

}  // namespace causeway::testing
