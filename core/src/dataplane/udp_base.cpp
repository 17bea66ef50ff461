#include "dataplane/udp_base.hpp"

#include <cerrno>

namespace causeway::dataplane {

SendStatus send_status_of(int error) {
  switch (error) {
    case 0:
      return SendStatus::sent;
    case EAGAIN:
    case ENOBUFS:  // the NIC's queue is full
    case ENOMEM:
      return SendStatus::would_block;
    case EMSGSIZE:
      return SendStatus::too_big;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case ENODEV:
    case ENXIO:
    case EADDRNOTAVAIL:
    case EINVAL:  // the kernel's answer when the source address is no longer ours
    case EAFNOSUPPORT:
    case EPERM:         // a firewall rule drops it on the way out
    case EACCES:        // a "prohibit" route, or a broadcast address
    case ECONNREFUSED:  // still, after the pending errors were passed over
      return SendStatus::unreachable;
    default:
      return SendStatus::failed;
  }
}

SendOutcome UdpBase::send(const net::Endpoint& to, const SendBatch& batch) noexcept {
  const auto result = socket_.send(to, batch.bytes, batch.segment_bytes, batch.ecn);
  return {send_status_of(result.error), result.error, result.segments_sent};
}

ReceiveStatus UdpBase::receive(MutableByteView buffer, ReceivedBatch& received) noexcept {
  // Bounded, or a flood of empty datagrams would hold the loop here.
  for (int passed_over = 0; passed_over < 16; ++passed_over) {
    const auto got = socket_.receive(buffer);
    if (got.error == EAGAIN || got.error == EWOULDBLOCK) return ReceiveStatus::empty;
    if (got.error != 0) return ReceiveStatus::error;
    if (got.bytes == 0) continue;
    received.base = id_;
    received.from = got.from;
    received.bytes = buffer.first(got.bytes);
    // A datagram is at most 65,507 bytes over IPv4 and 65,527 over IPv6.
    received.segment_bytes = static_cast<std::uint16_t>(got.segment_bytes);
    received.ecn = got.ecn;
    return ReceiveStatus::received;
  }
  return ReceiveStatus::empty;
}

}  // namespace causeway::dataplane
