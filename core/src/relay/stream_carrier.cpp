#include "relay/stream_carrier.hpp"

#include <cerrno>

#include "plugin/host_services.hpp"
#include "relay/wrap_buffer.hpp"

namespace causeway::relay {

using dataplane::ReceiveStatus;
using dataplane::SendStatus;

dataplane::SendOutcome StreamCarrier::send(const net::Endpoint& to,
                                           const dataplane::SendBatch& batch) noexcept {
  if (is_broken_.load(std::memory_order_relaxed)) return {SendStatus::unreachable, ENOTCONN, 0};
  WrapBuffer& scratch = WrapBuffer::of_this_thread();
  const std::size_t segments = batch.segments();
  for (std::size_t done = 0; done < segments;) {
    const WrapBuffer::Wrapped wrapped = scratch.wrap(*codec_, to, batch, done);
    if (wrapped.datagrams.size() < wrapped.consumed)
      LinkCounters::add(counters_.dropped_by_wrap, wrapped.consumed - wrapped.datagrams.size());
    const std::size_t pushed = outbox_.push(wrapped.datagrams);
    LinkCounters::add(counters_.sent, pushed);
    if (pushed < wrapped.datagrams.size()) {
      LinkCounters::add(counters_.dropped_queue_full, wrapped.datagrams.size() - pushed);
      return {SendStatus::would_block, EAGAIN, static_cast<std::uint32_t>(scratch.segment_of(pushed))};
    }
    done += wrapped.consumed;
  }
  return {SendStatus::sent, 0, static_cast<std::uint32_t>(segments)};
}

ReceiveStatus StreamCarrier::receive(MutableByteView, dataplane::ReceivedBatch& received) noexcept {
  const ReceiveStatus status = inbox_.receive(received);
  received.base = base();
  return status;
}

void StreamCarrier::give_to_loop(const cw_packet& packet) {
  const auto from = plugin::from_c(packet.peer);
  if (packet.verdict != CW_PACKET_PASS || !from || !is_allocated()) {
    LinkCounters::add(counters_.dropped_by_unwrap);
  } else if (inbox_.push(*from, {packet.bytes, packet.size})) {
    LinkCounters::add(counters_.received);
  } else {
    LinkCounters::add(counters_.dropped_queue_full);
  }
}

}  // namespace causeway::relay
