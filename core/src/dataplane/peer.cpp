#include "dataplane/peer.hpp"

#include <algorithm>
#include <array>

namespace causeway::dataplane {
namespace {

constexpr std::size_t kUdpOverIpv4Bytes = 28;
constexpr std::size_t kUdpOverIpv6Bytes = 48;
constexpr std::size_t kLeastInnerBytes = 64;    // RFC 791: every host forwards 68 bytes
constexpr std::size_t kMostInnerBytes = 65440;  // sealed, still one UDP datagram

constexpr std::array<std::uint16_t, 14> kPlateaus{65535, 32000, 17914, 9000, 4352, 1500, 1492,
                                                  1480,  1460,  1440,  1400, 1360, 1280, 1006};

}  // namespace

std::size_t Peer::most_inner_bytes(bool is_v4) const {
  if (!path) return kMostInnerBytes;
  const session::Keypair* keypair = keys.newest();
  if (!keypair || !keypair->sends_compact()) return inner_limit;
  // One byte in place of an IPv4 header, four in place of an IPv6 header.
  return compact_limit + (is_v4 ? packet::kIpv4HeaderBytes - 1 : packet::kIpv6HeaderBytes - 4);
}

std::size_t inner_limit(std::uint16_t mtu, const net::Endpoint& remote) {
  const std::size_t outer =
      (remote.address.is_v4() ? kUdpOverIpv4Bytes : kUdpOverIpv6Bytes) + session::kDataOverheadBytes;
  return std::clamp(mtu > outer ? mtu - outer : 0, kLeastInnerBytes, kMostInnerBytes);
}

std::size_t compact_limit(std::uint16_t mtu, const net::Endpoint& remote) {
  const std::size_t outer =
      (remote.address.is_v4() ? kUdpOverIpv4Bytes : kUdpOverIpv6Bytes) + session::kCompactOverheadBytes;
  return std::clamp(mtu > outer ? mtu - outer : 0, kLeastInnerBytes, kMostInnerBytes);
}

std::uint16_t next_lower_mtu(std::size_t ip_bytes) {
  const auto* lower =
      std::find_if(kPlateaus.begin(), kPlateaus.end(), [&](auto mtu) { return mtu < ip_bytes; });
  return lower == kPlateaus.end() ? 576 : *lower;
}

}  // namespace causeway::dataplane
