#pragma once

#include <array>
#include <memory>
#include <optional>

#include "dataplane/spsc_queue.hpp"
#include "dataplane/wake_up.hpp"
#include "net/udp_socket.hpp"
#include "plugin/link_codec.hpp"
#include "relay/link_carrier.hpp"

namespace causeway::relay {

/// A link over a connected UDP socket of its own: the loop that polls it reads the relay's datagrams in
/// batches, takes their framing off and hands over what peers sent; messages of the server go to the control
/// thread through a bounded queue.
class UdpLink final : public LinkCarrier {
 public:
  static constexpr std::size_t kMostMessages = 64;  ///< that wait for the control thread
  static constexpr std::uint32_t kRefusals = 3;     ///< one may be late, or forged

  /// `messages_came` is signalled when take_message() has something.
  UdpLink(net::UdpSocket socket, std::shared_ptr<plugin::LinkCodec> codec,
          std::shared_ptr<dataplane::WakeUp> messages_came);

  // ---- [any thread] ----
  dataplane::SendOutcome send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept override;
  // ---- [data-loop thread] ----
  int descriptor() const override { return socket_.descriptor(); }
  /// The bytes are this object's own, not `buffer`'s: what one read brings may be several senders'.
  dataplane::ReceiveStatus receive(MutableByteView buffer,
                                   dataplane::ReceivedBatch& received) noexcept override;
  bool has_more() const override { return next_ < count_ || at_ < bytes_; }
  // ---- [control thread] ----
  std::optional<Bytes> take_message() { return messages_.pop(); }
  bool has_messages() const { return !messages_.empty(); }
  /// A message of the plugin's to the server; false: it did not leave.
  bool send_message(ByteView bytes) noexcept;
  const net::Endpoint& local() const { return socket_.local(); }
  /// The server's machine has said often enough that nobody listens there, and nothing has come meanwhile.
  bool is_refused() const {
    return socket_.refusals() - refusals_when_heard_.load(std::memory_order_relaxed) >= kRefusals;
  }

 private:
  void unwrap_next() noexcept;
  bool hand_over(dataplane::ReceivedBatch& received) noexcept;
  void keep_message(const cw_packet& packet) noexcept;

  net::UdpSocket socket_;
  std::shared_ptr<plugin::LinkCodec> codec_;
  std::shared_ptr<dataplane::WakeUp> messages_came_;
  std::atomic<std::uint32_t> refusals_when_heard_{0};
  dataplane::SpscQueue<Bytes> messages_{kMostMessages};

  // What was read and not handed over. Of the loop that polls.
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t at_ = 0, bytes_ = 0;  ///< not unwrapped yet
  std::size_t segment_bytes_ = 0;
  std::uint8_t ecn_ = 0;
  std::array<cw_packet, plugin::LinkCodec::kMostPackets> packets_{};
  std::size_t next_ = 0, count_ = 0;  ///< unwrapped, not handed over
};

}  // namespace causeway::relay
