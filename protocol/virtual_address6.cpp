#include "protocol/virtual_address6.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace causeway::protocol {
namespace {

constexpr std::size_t kV4At = 12;  // the low 32 of 128 bits

}  // namespace

bool is_network_prefix6(const net::Prefix& prefix) {
  return !prefix.address.is_v4() && prefix.length == 64 && prefix.address.data()[0] == 0xfd;
}

net::IpAddress virtual_address6(const net::Prefix& prefix6, const net::IpAddress& virtual_address) {
  assert(is_network_prefix6(prefix6) && virtual_address.is_v4());
  std::array<std::uint8_t, 16> octets{};
  std::copy_n(prefix6.address.data(), 8, octets.begin());
  std::copy_n(virtual_address.data(), 4, octets.begin() + kV4At);
  return net::IpAddress::v6(octets);
}

std::optional<net::IpAddress> virtual_address4(const net::Prefix& prefix6, const net::IpAddress& address) {
  if (address.is_v4() || !prefix6.contains(address)) return std::nullopt;
  std::array<std::uint8_t, 4> octets{};
  std::copy_n(address.data() + kV4At, 4, octets.begin());
  const auto found = net::IpAddress::v4(octets);
  if (virtual_address6(prefix6, found) != address) return std::nullopt;
  return found;
}

}  // namespace causeway::protocol
