#include "server/src/core/network_prefix6.hpp"

#include <array>
#include <span>

namespace causeway::server {

net::Prefix make_network_prefix6(RandomSource& random) {
  std::array<std::uint8_t, 16> octets{};
  octets[0] = 0xfd;
  random.fill(std::span(octets).subspan(1, 5));
  return net::Prefix::containing(net::IpAddress::v6(octets), 64);
}

}  // namespace causeway::server
