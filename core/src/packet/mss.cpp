#include "packet/mss.hpp"

#include <algorithm>

#include "packet/byte_order.hpp"
#include "packet/checksum.hpp"
#include "packet/tcp_udp.hpp"

namespace causeway::packet {
namespace {

constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNop = 1;
constexpr std::uint8_t kOptionMss = 2;
constexpr std::size_t kMssOptionBytes = 4;
/// What every host takes (RFC 9293 §3.7.1): nothing lower is ever announced.
constexpr std::size_t kLeastMss = 536;

/// Where in the TCP header the MSS value stands; 0 when it says none.
std::size_t find_mss(const std::uint8_t* tcp, std::size_t header_bytes) {
  std::size_t at = kTcpHeaderBytes;
  while (at < header_bytes && tcp[at] != kOptionEnd) {
    if (tcp[at] == kOptionNop) {
      ++at;
      continue;
    }
    if (at + 1 >= header_bytes || tcp[at + 1] < 2 || tcp[at + 1] > header_bytes - at) return 0;
    if (tcp[at] == kOptionMss) return tcp[at + 1] == kMssOptionBytes ? at + 2 : 0;
    at += tcp[at + 1];
  }
  return 0;
}

/// The checksum after the 16-bit value at `at` changed. Options need not be aligned to the checksum's words.
void update_tcp_checksum(std::uint8_t* tcp, std::size_t at, std::uint16_t before, std::uint16_t after) {
  const auto swapped = [](std::uint16_t value) {
    return static_cast<std::uint16_t>(value << 8 | value >> 8);
  };
  const bool is_odd = at % 2 != 0;
  store_be16(tcp + kTcpChecksumOffset,
             update_checksum(load_be16(tcp + kTcpChecksumOffset), is_odd ? swapped(before) : before,
                             is_odd ? swapped(after) : after));
}

}  // namespace

void clamp_mss(MutableByteView packet, const IpView& view, std::size_t most_packet_bytes, bool is_partial) {
  if (view.protocol != kTcp || view.is_fragment) return;
  const MutableByteView tcp = packet.first(view.total_bytes).subspan(view.header_bytes);
  if (tcp.size() < kTcpHeaderBytes || !(tcp[kTcpFlagsOffset] & kTcpSyn)) return;
  const std::size_t header_bytes = tcp_header_bytes(tcp.data());
  if (header_bytes < kTcpHeaderBytes || header_bytes > tcp.size()) return;
  const std::size_t at = find_mss(tcp.data(), header_bytes);
  if (at == 0) return;
  const std::size_t headers = (view.is_v4 ? kIpv4HeaderBytes : kIpv6HeaderBytes) + kTcpHeaderBytes;
  const std::size_t room = most_packet_bytes > headers ? most_packet_bytes - headers : 0;
  const std::uint16_t announced = load_be16(tcp.data() + at);
  if (announced <= std::max(room, kLeastMss)) return;
  const auto lowered = static_cast<std::uint16_t>(std::max(room, kLeastMss));
  store_be16(tcp.data() + at, lowered);
  if (!is_partial) update_tcp_checksum(tcp.data(), at, announced, lowered);
}

}  // namespace causeway::packet
