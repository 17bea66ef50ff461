#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "net/endpoint.hpp"
#include "tun/tun_device.hpp"

namespace causeway::testing {

/// RFC 1071 as it is written, two bytes at a time: the reference for everything clever.
inline std::uint16_t naive_checksum(ByteView bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// A TCP or UDP packet, field by field; build() makes its bytes with finished checksums.
struct PacketSpec {
  std::string source = "10.10.0.101";
  std::string destination = "10.10.0.102";
  bool tcp = true;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 5201;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgment = 77;
  std::uint8_t tcp_flags = 0x10;
  std::uint16_t window = 512;
  Bytes tcp_options{};
  std::uint8_t tos = 0;
  std::uint8_t ttl = 64;
  std::uint16_t id = 0;
  bool dont_fragment = true;
  Bytes payload{};

  bool is_v4() const { return source.find(':') == std::string::npos; }
  std::size_t l4_header_bytes() const { return tcp ? 20 + tcp_options.size() : 8; }
  std::size_t header_bytes() const { return (is_v4() ? 20 : 40) + l4_header_bytes(); }
};

namespace detail {

inline void put16(Bytes& to, std::size_t at, std::size_t value) {
  to[at] = static_cast<std::uint8_t>(value >> 8);
  to[at + 1] = static_cast<std::uint8_t>(value);
}
inline void put32(Bytes& to, std::size_t at, std::uint32_t value) {
  put16(to, at, value >> 16);
  put16(to, at + 2, value & 0xffff);
}

/// The plain sum that TCP and UDP begin with.
inline std::uint32_t pseudo_header_sum(ByteView packet, std::size_t ip_bytes, std::uint8_t protocol) {
  const bool v4 = packet[0] >> 4 == 4;
  const ByteView addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  const auto sum = static_cast<std::uint16_t>(~naive_checksum(addresses));
  return static_cast<std::uint32_t>(sum + protocol + (packet.size() - ip_bytes));
}

}  // namespace detail

inline Bytes build(const PacketSpec& spec) {
  using detail::put16, detail::put32;
  const std::size_t ip = spec.is_v4() ? 20 : 40;
  const std::size_t total = spec.header_bytes() + spec.payload.size();
  const std::uint8_t protocol = spec.tcp ? 6 : 17;
  const auto source = net::IpAddress::parse(spec.source).value();
  const auto destination = net::IpAddress::parse(spec.destination).value();
  Bytes packet(spec.header_bytes());
  packet.insert(packet.end(), spec.payload.begin(), spec.payload.end());
  if (spec.is_v4()) {
    packet[0] = 0x45;
    packet[1] = spec.tos;
    put16(packet, 2, total);
    put16(packet, 4, spec.id);
    put16(packet, 6, spec.dont_fragment ? 0x4000 : 0);
    packet[8] = spec.ttl;
    packet[9] = protocol;
    std::copy_n(source.data(), 4, packet.begin() + 12);
    std::copy_n(destination.data(), 4, packet.begin() + 16);
    put16(packet, 10, naive_checksum(ByteView{packet}.first(20)));
  } else {
    put32(packet, 0,
          0x60000000u | std::uint32_t{spec.tos} << 20 | spec.id);  // the ID stands in for a flow label
    put16(packet, 4, total - 40);
    packet[6] = protocol;
    packet[7] = spec.ttl;
    std::copy_n(source.data(), 16, packet.begin() + 8);
    std::copy_n(destination.data(), 16, packet.begin() + 24);
  }
  put16(packet, ip, spec.source_port);
  put16(packet, ip + 2, spec.destination_port);
  std::size_t field = ip + 6;
  if (spec.tcp) {
    put32(packet, ip + 4, spec.sequence);
    put32(packet, ip + 8, spec.acknowledgment);
    packet[ip + 12] = static_cast<std::uint8_t>(spec.l4_header_bytes() / 4 << 4);
    packet[ip + 13] = spec.tcp_flags;
    put16(packet, ip + 14, spec.window);
    std::copy(spec.tcp_options.begin(), spec.tcp_options.end(), packet.begin() + static_cast<long>(ip) + 20);
    field = ip + 16;
  } else {
    put16(packet, ip + 4, total - ip);
  }
  std::uint16_t sum =
      naive_checksum(ByteView{packet}.subspan(ip), detail::pseudo_header_sum(packet, ip, protocol));
  if (!spec.tcp && sum == 0) sum = 0xffff;
  put16(packet, field, sum);
  return packet;
}

/// A frame as the kernel hands it out with TSO or USO: one packet of the whole payload with a partial
/// checksum.
struct SuperFrame {
  tun::VnetHeader header;
  Bytes packet;
};

inline SuperFrame build_super_frame(const PacketSpec& spec, std::uint16_t segment_payload) {
  SuperFrame frame;
  frame.packet = build(spec);
  const std::size_t ip = spec.is_v4() ? 20 : 40;
  const std::size_t field = spec.tcp ? 16 : 6;
  const std::uint32_t sum = detail::pseudo_header_sum(frame.packet, ip, spec.tcp ? 6 : 17);
  detail::put16(frame.packet, ip + field, static_cast<std::uint16_t>(~naive_checksum({}, sum)));
  frame.header.flags = 1;
  frame.header.gso_type = !spec.tcp ? 5 : spec.is_v4() ? 1 : 4;
  frame.header.header_bytes = static_cast<std::uint16_t>(spec.header_bytes());
  frame.header.gso_bytes = segment_payload;
  frame.header.checksum_start = static_cast<std::uint16_t>(ip);
  frame.header.checksum_offset = static_cast<std::uint16_t>(field);
  return frame;
}

/// What a super-frame of `spec` means on the wire, each segment built from scratch.
inline std::vector<Bytes> naive_segments(const PacketSpec& spec, std::size_t segment_payload) {
  std::vector<Bytes> segments;
  const std::size_t count =
      std::max<std::size_t>(1, (spec.payload.size() + segment_payload - 1) / segment_payload);
  for (std::size_t i = 0; i < count; ++i) {
    PacketSpec part = spec;
    const std::size_t begin = i * segment_payload;
    const std::size_t end = std::min(begin + segment_payload, spec.payload.size());
    part.payload.assign(spec.payload.begin() + static_cast<long>(begin),
                        spec.payload.begin() + static_cast<long>(end));
    part.sequence = static_cast<std::uint32_t>(spec.sequence + begin);
    if (spec.is_v4()) part.id = static_cast<std::uint16_t>(spec.id + i);
    if (i + 1 < count) part.tcp_flags &= static_cast<std::uint8_t>(~0x09);
    if (i > 0) part.tcp_flags &= static_cast<std::uint8_t>(~0x80);
    segments.push_back(build(part));
  }
  return segments;
}

}  // namespace causeway::testing
