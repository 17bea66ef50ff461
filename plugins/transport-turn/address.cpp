#include "address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "text.hpp"

namespace transport_turn {

namespace {

constexpr std::uint8_t kZero[16] = {};

bool is_mapped_v4(const cw_address& address) {
  static constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.family == 6 && std::memcmp(address.octets, kPrefix, sizeof kPrefix) == 0;
}

}  // namespace

std::string to_text(const cw_address& address) {
  if (address.family != 4 && address.family != 6) return "none";
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(address.family == 6 ? AF_INET6 : AF_INET, address.octets, text, sizeof text);
  const std::string port = std::to_string(address.port);
  return address.family == 6 ? concat({"[", text, "]:", port}) : concat({text, ":", port});
}

cw_address without_port(const cw_address& address) {
  cw_address ip{};
  ip.family = address.family;
  std::copy(std::begin(address.octets), std::end(address.octets), ip.octets);
  return ip;
}

bool AddressLess::operator()(const cw_address& a, const cw_address& b) const {
  if (a.family != b.family) return a.family < b.family;
  if (a.port != b.port) return a.port < b.port;
  return std::memcmp(a.octets, b.octets, sizeof a.octets) < 0;
}

bool is_loopback(const cw_address& address) {
  if (address.family == 4) return address.octets[0] == 127;
  return std::memcmp(address.octets, kZero, 15) == 0 && address.octets[15] == 1;
}

bool is_link_local(const cw_address& address) {
  return address.family == 6 ? address.octets[0] == 0xfe && (address.octets[1] & 0xc0) == 0x80
                             : address.octets[0] == 169 && address.octets[1] == 254;
}

bool is_reachable(const cw_address& address) {
  if ((address.family != 4 && address.family != 6) || address.port == 0) return false;
  const bool is_multicast = address.family == 4 ? address.octets[0] >= 224 : address.octets[0] == 0xff;
  const bool is_unspecified =
      address.family == 4 ? address.octets[0] == 0 : std::memcmp(address.octets, kZero, sizeof kZero) == 0;
  return !is_multicast && !is_unspecified && !is_loopback(address) && !is_link_local(address) &&
         !is_mapped_v4(address);
}

}  // namespace transport_turn
