#pragma once

#include <atomic>
#include <memory>

#include "plugin/link_codec.hpp"
#include "relay/byte_outbox.hpp"
#include "relay/datagram_inbox.hpp"
#include "relay/link_carrier.hpp"

namespace causeway::relay {

/// The data plane's side of a link over a stream, which the control thread reads and writes.
class StreamCarrier final : public LinkCarrier {
 public:
  explicit StreamCarrier(std::shared_ptr<plugin::LinkCodec> codec) : codec_(std::move(codec)) {}

  // ---- [any thread] ----
  dataplane::SendOutcome send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept override;
  // ---- [data-loop thread] ----
  int descriptor() const override { return inbox_.descriptor(); }
  dataplane::ReceiveStatus receive(MutableByteView buffer,
                                   dataplane::ReceivedBatch& received) noexcept override;
  bool has_more() const override { return inbox_.has_more(); }
  // ---- [control thread] ----
  /// Takes messages that the codec's frame() cut off apart: peers' datagrams go to the loop, the others to
  /// `visit`. At most LinkCodec::kMostPackets.
  template <class Visit>
  void take_apart(std::span<const MutableByteView> messages, Visit&& visit);
  plugin::LinkCodec& codec() { return *codec_; }
  ByteOutbox& outbox() { return outbox_; }
  /// The stream has ended: send() says so from here on.
  void set_broken() { is_broken_.store(true, std::memory_order_relaxed); }

 private:
  void give_to_loop(const cw_packet& packet);

  std::shared_ptr<plugin::LinkCodec> codec_;
  ByteOutbox outbox_;
  DatagramInbox inbox_;
  std::atomic<bool> is_broken_{false};
};

template <class Visit>
void StreamCarrier::take_apart(std::span<const MutableByteView> messages, Visit&& visit) {
  std::array<cw_packet, plugin::LinkCodec::kMostPackets> packets{};
  for (std::size_t i = 0; i < messages.size(); ++i) {
    packets[i] = {sizeof(cw_packet),
                  static_cast<std::uint32_t>(messages[i].size()),
                  messages[i].data(),
                  {},
                  CW_PACKET_DROP};
  }
  codec_->unwrap(std::span(packets).first(messages.size()));
  for (const cw_packet& packet : std::span(packets).first(messages.size())) {
    if (packet.verdict == CW_PACKET_CONTROL) {
      LinkCounters::add(counters_.messages);
      visit(ByteView(packet.bytes, packet.size));
    } else {
      give_to_loop(packet);
    }
  }
}

}  // namespace causeway::relay
