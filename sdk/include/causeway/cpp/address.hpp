#ifndef CAUSEWAY_CPP_ADDRESS_HPP
#define CAUSEWAY_CPP_ADDRESS_HPP

// cw_address as text, and compared. C++17, header-only, POSIX.

#include <arpa/inet.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "../types.h"

namespace causeway_sdk {

/// "198.51.100.7:3478" or "[2001:db8::1]:3478"; a port of 0 is none.
inline std::optional<cw_address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  cw_address address{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc() || end != digits.data() + digits.size() || address.port == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_v6) host = host.substr(1, host.size() - 2);
  address.family = is_v6 ? 6 : 4;
  if (::inet_pton(is_v6 ? AF_INET6 : AF_INET, std::string(host).c_str(), address.octets) != 1)
    return std::nullopt;
  return address;
}

inline bool is_same_ip(const cw_address& a, const cw_address& b) {
  return a.family == b.family && std::memcmp(a.octets, b.octets, sizeof a.octets) == 0;
}
inline bool is_same(const cw_address& a, const cw_address& b) { return a.port == b.port && is_same_ip(a, b); }

}  // namespace causeway_sdk

#endif
