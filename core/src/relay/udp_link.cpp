#include "relay/udp_link.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/udp_base.hpp"
#include "plugin/host_services.hpp"
#include "relay/wrap_buffer.hpp"

namespace causeway::relay {

using dataplane::ReceiveStatus;
using dataplane::SendStatus;

UdpLink::UdpLink(net::UdpSocket socket, std::shared_ptr<plugin::LinkCodec> codec,
                 std::shared_ptr<dataplane::WakeUp> messages_came)
    : socket_(std::move(socket)),
      codec_(std::move(codec)),
      messages_came_(std::move(messages_came)),
      buffer_(std::make_unique<std::uint8_t[]>(net::UdpSocket::kReceiveBytes)) {}

dataplane::SendOutcome UdpLink::send(const net::Endpoint& to, const dataplane::SendBatch& batch) noexcept {
  WrapBuffer& scratch = WrapBuffer::of_this_thread();
  const std::size_t segments = batch.segments();
  for (std::size_t done = 0; done < segments;) {
    const WrapBuffer::Wrapped wrapped = scratch.wrap(*codec_, to, batch, done);
    if (wrapped.datagrams.size() < wrapped.consumed)
      LinkCounters::add(counters_.dropped_by_wrap, wrapped.consumed - wrapped.datagrams.size());
    const auto result = socket_.send_gathered(wrapped.datagrams, batch.ecn);
    LinkCounters::add(counters_.sent, result.segments_sent);
    if (result.error != 0) {
      const auto reached = static_cast<std::uint32_t>(scratch.segment_of(result.segments_sent));
      return {dataplane::send_status_of(result.error), result.error, reached};
    }
    done += wrapped.consumed;
  }
  return {SendStatus::sent, 0, static_cast<std::uint32_t>(segments)};
}

bool UdpLink::send_message(ByteView bytes) noexcept {
  return socket_.send_gathered(std::span(&bytes, 1)).error == 0;
}

ReceiveStatus UdpLink::receive(MutableByteView, dataplane::ReceivedBatch& received) noexcept {
  // Bounded, or a flood of noise would hold the loop here.
  for (int reads = 0; reads < 16;) {
    if (hand_over(received)) return ReceiveStatus::received;
    if (at_ < bytes_) {
      unwrap_next();
      continue;
    }
    ++reads;
    const auto got = socket_.receive({buffer_.get(), net::UdpSocket::kReceiveBytes});
    if (got.error == EAGAIN || got.error == EWOULDBLOCK) return ReceiveStatus::empty;
    if (got.error != 0) return ReceiveStatus::error;
    refusals_when_heard_.store(socket_.refusals(), std::memory_order_relaxed);
    at_ = 0;
    bytes_ = got.bytes;
    segment_bytes_ = std::max<std::size_t>(got.segment_bytes, 1);
    ecn_ = got.ecn;
  }
  return ReceiveStatus::empty;
}

void UdpLink::unwrap_next() noexcept {
  next_ = 0;
  for (count_ = 0; at_ < bytes_ && count_ < packets_.size(); ++count_) {
    const std::size_t size = std::min(segment_bytes_, bytes_ - at_);
    packets_[count_] = {
        sizeof(cw_packet), static_cast<std::uint32_t>(size), buffer_.get() + at_, {}, CW_PACKET_DROP};
    at_ += size;
  }
  codec_->unwrap(std::span(packets_).first(count_));
}

bool UdpLink::hand_over(dataplane::ReceivedBatch& received) noexcept {
  std::uint8_t* begin = nullptr;
  std::size_t bytes = 0, datagrams = 0;
  cw_address peer{};
  for (; next_ < count_; ++next_) {
    const cw_packet& packet = packets_[next_];
    if (packet.verdict == CW_PACKET_CONTROL) {
      keep_message(packet);
      continue;
    }
    if (packet.verdict != CW_PACKET_PASS || packet.size == 0 || !is_allocated()) {
      LinkCounters::add(counters_.dropped_by_unwrap);
      continue;
    }
    if (begin == nullptr) {
      begin = packet.bytes;
      peer = packet.peer;
      received.segment_bytes = static_cast<std::uint16_t>(packet.size);
    } else if (packet.size > received.segment_bytes || std::memcmp(&packet.peer, &peer, sizeof peer) != 0) {
      break;  // the next batch begins here
    } else {
      // Back to back, as the data plane takes them: over the framing of those before.
      std::memmove(begin + bytes, packet.bytes, packet.size);
    }
    bytes += packet.size;
    ++datagrams;
    if (packet.size < received.segment_bytes) {
      ++next_;
      break;  // only the last may be shorter
    }
  }
  if (begin == nullptr) return false;
  LinkCounters::add(counters_.received, datagrams);
  received.base = base();
  received.from = plugin::from_c(peer).value_or(net::Endpoint{});
  received.bytes = {begin, bytes};
  received.ecn = ecn_;
  return true;
}

void UdpLink::keep_message(const cw_packet& packet) noexcept {
  LinkCounters::add(counters_.messages);
  Bytes message(packet.bytes, packet.bytes + packet.size);
  if (messages_.push(message)) {
    messages_came_->signal();
  } else {
    LinkCounters::add(counters_.dropped_queue_full);
  }
}

}  // namespace causeway::relay
