#include "packet/flow.hpp"

#include <cstring>

#include "packet/tcp_udp.hpp"

namespace causeway::packet {

std::optional<FlowPacket> FlowPacket::parse(const IpView& view, bool is_partial) {
  if (view.is_fragment || view.has_options() || (view.protocol != kTcp && view.protocol != kUdp))
    return std::nullopt;
  const ByteView l4 = view.payload();
  const bool tcp = view.protocol == kTcp;
  if (l4.size() < (tcp ? kTcpHeaderBytes : kUdpHeaderBytes)) return std::nullopt;
  const std::size_t l4_header = tcp ? tcp_header_bytes(l4.data()) : kUdpHeaderBytes;
  if (l4_header < kUdpHeaderBytes || (tcp && l4_header < kTcpHeaderBytes) || l4_header > l4.size())
    return std::nullopt;

  FlowPacket packet;
  packet.key = {view.source, view.destination, load_be32(l4.data()), view.protocol};
  packet.ip_bytes = view.header_bytes;
  packet.header_bytes = static_cast<std::uint8_t>(view.header_bytes + l4_header);
  packet.payload_bytes = l4.size() - l4_header;
  if (tcp) {
    packet.tcp_flags = l4[kTcpFlagsOffset];
    packet.sequence = load_be32(l4.data() + 4);
    const bool reserved_clear = (l4[12] & 0x0f) == 0;
    packet.is_plain_data = packet.payload_bytes > 0 && reserved_clear && (packet.tcp_flags & kTcpAck) &&
                           (packet.tcp_flags & ~(kTcpAck | kTcpPsh | kTcpFin)) == 0;
  } else {
    // Without a checksum of its own it would be given one; with bytes behind the datagram they would be lost.
    const bool has_checksum = is_partial || load_be16(l4.data() + kUdpChecksumOffset) != 0;
    packet.is_plain_data = packet.payload_bytes > 0 && has_checksum && load_be16(l4.data() + 4) == l4.size();
  }
  return packet;
}

bool have_equal_tcp_headers(const std::uint8_t* a, const std::uint8_t* b, std::size_t header_bytes) {
  const auto equal = [&](std::size_t from, std::size_t to) {
    return std::memcmp(a + from, b + from, to - from) == 0;
  };
  // ports | acknowledgment, data offset | window | urgent pointer, options
  return equal(0, 4) && equal(8, kTcpFlagsOffset) && equal(14, kTcpChecksumOffset) && equal(18, header_bytes);
}

bool have_equal_headers(const std::uint8_t* a, const std::uint8_t* b, const FlowPacket& shape) {
  const auto equal = [&](std::size_t from, std::size_t to) {
    return std::memcmp(a + from, b + from, to - from) == 0;
  };
  if (shape.ip_bytes == kIpv4HeaderBytes) {
    // version, IHL, TOS | flags, offset, TTL, protocol | addresses
    if (!equal(0, 2) || !equal(6, 10) || !equal(12, kIpv4HeaderBytes)) return false;
  } else {
    // version, class, flow label | next header, hop limit, addresses
    if (!equal(0, 4) || !equal(6, kIpv6HeaderBytes)) return false;
  }
  const std::size_t l4 = shape.ip_bytes;
  if (!shape.is_tcp()) return equal(l4, l4 + 4);
  return have_equal_tcp_headers(a + l4, b + l4, shape.header_bytes - l4);
}

}  // namespace causeway::packet
