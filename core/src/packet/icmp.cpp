#include "packet/icmp.hpp"

#include <algorithm>
#include <cstring>

#include "packet/checksum.hpp"

namespace causeway::packet {
namespace {

constexpr std::size_t kIcmpHeaderBytes = 8;
constexpr std::size_t kMostIcmpV4Bytes = 576;  // RFC 1812 §4.3.2.3

struct Message {
  std::uint8_t type;
  std::uint8_t code;
  std::uint32_t rest;  ///< the second 32 bits of the ICMP header
};

bool is_icmp_error(const IpView& packet) {
  const ByteView l4 = packet.payload();
  if (packet.is_v4) {
    if (packet.protocol != kIcmp || l4.empty()) return false;
    const std::uint8_t type = l4[0];
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
  }
  return packet.protocol == kIcmpV6 && (l4.empty() || l4[0] < 128);  // RFC 4443 §2.1: below 128 are errors
}

bool may_answer(const IpView& packet) {
  if (is_icmp_error(packet)) return false;
  if (packet.is_v4 && packet.fragment_offset() != 0) return false;
  const net::IpAddress to = packet.destination.address();
  const net::IpAddress from = packet.source.address();
  return to.is_usable_unicast() && from.is_usable_unicast();
}

std::size_t write_v4(const IpView& offending, const Message& message, MutableByteView out) {
  const std::size_t quoted =
      std::min<std::size_t>(offending.total_bytes, kMostIcmpV4Bytes - kIpv4HeaderBytes - kIcmpHeaderBytes);
  const std::size_t total = kIpv4HeaderBytes + kIcmpHeaderBytes + quoted;
  std::uint8_t* ip = out.data();
  std::memset(ip, 0, kIpv4HeaderBytes + kIcmpHeaderBytes);
  ip[0] = 0x45;
  ip[1] = 0xc0;  // RFC 1812 §4.3.2.5: internetwork control
  store_be16(ip + 2, static_cast<std::uint16_t>(total));
  ip[8] = 64;
  ip[9] = kIcmp;
  std::memcpy(ip + 12, offending.data + 16, 4);
  std::memcpy(ip + 16, offending.data + 12, 4);
  write_ipv4_checksum(ip, kIpv4HeaderBytes);
  std::uint8_t* icmp = ip + kIpv4HeaderBytes;
  icmp[0] = message.type;
  icmp[1] = message.code;
  store_be32(icmp + 4, message.rest);
  std::memcpy(icmp + kIcmpHeaderBytes, offending.data, quoted);
  store_be16(icmp + 2, checksum({icmp, kIcmpHeaderBytes + quoted}));
  return total;
}

std::size_t write_v6(const IpView& offending, const Message& message, MutableByteView out) {
  const std::size_t quoted =
      std::min<std::size_t>(offending.total_bytes, kMostIcmpBytes - kIpv6HeaderBytes - kIcmpHeaderBytes);
  const std::size_t icmp_bytes = kIcmpHeaderBytes + quoted;
  std::uint8_t* ip = out.data();
  std::memset(ip, 0, kIpv6HeaderBytes + kIcmpHeaderBytes);
  ip[0] = 0x60;
  store_be16(ip + 4, static_cast<std::uint16_t>(icmp_bytes));
  ip[6] = kIcmpV6;
  ip[7] = 64;
  std::memcpy(ip + 8, offending.data + 24, 16);
  std::memcpy(ip + 24, offending.data + 8, 16);
  std::uint8_t* icmp = ip + kIpv6HeaderBytes;
  icmp[0] = message.type;
  icmp[1] = message.code;
  store_be32(icmp + 4, message.rest);
  std::memcpy(icmp + kIcmpHeaderBytes, offending.data, quoted);
  ChecksumSum sum;
  sum.add_pseudo_header(ip, false, kIcmpV6, static_cast<std::uint32_t>(icmp_bytes));
  sum.add({icmp, icmp_bytes});
  store_be16(icmp + 2, sum.finished());
  return kIpv6HeaderBytes + icmp_bytes;
}

}  // namespace

std::size_t make_unreachable(const IpView& offending, MutableByteView out) {
  if (!may_answer(offending)) return 0;
  return offending.is_v4 ? write_v4(offending, {3, 1, 0}, out) : write_v6(offending, {1, 3, 0}, out);
}

std::size_t make_too_big(const IpView& offending, std::uint16_t mtu, MutableByteView out) {
  if (!may_answer(offending)) return 0;
  return offending.is_v4 ? write_v4(offending, {3, 4, mtu}, out) : write_v6(offending, {2, 0, mtu}, out);
}

bool IcmpLimiter::allow(SteadyTime now) {
  constexpr Duration kPerToken = std::chrono::nanoseconds(1s) / kPerSecond;
  const std::int64_t due = (now - refilled_) / kPerToken;
  if (due > 0) {
    tokens_ = std::min(kBurst, tokens_ + due);
    refilled_ = tokens_ == kBurst ? now : refilled_ + due * kPerToken;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace causeway::packet
