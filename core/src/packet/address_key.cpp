#include "packet/address_key.hpp"

#include <array>

namespace causeway::packet {

net::IpAddress AddressKey::address() const {
  if (is_v4()) return net::IpAddress::v4(static_cast<std::uint32_t>(low));
  std::array<std::uint8_t, 16> octets;
  for (std::size_t i = 0; i < 8; ++i) {
    octets[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    octets[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return net::IpAddress::v6(octets);
}

}  // namespace causeway::packet
