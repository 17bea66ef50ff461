#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "causeway/types.h"

namespace transport_turn {

/// "198.51.100.7:3478" or "[2001:db8::1]:3478".
std::optional<cw_address> parse_address(std::string_view text);
std::string to_text(const cw_address& address);

bool is_same(const cw_address& a, const cw_address& b);
bool is_same_ip(const cw_address& a, const cw_address& b);
/// The same address with port 0: what a permission is for (RFC 8656 §9).
cw_address without_port(const cw_address& address);

struct AddressLess {
  bool operator()(const cw_address& a, const cw_address& b) const;
};

bool is_loopback(const cw_address& address);
bool is_link_local(const cw_address& address);
/// Somebody elsewhere could send there: family, port, and neither unspecified, loopback, link-local nor
/// multicast. Private ranges are in: relays of a company or a home are ordinary.
bool is_reachable(const cw_address& address);

}  // namespace transport_turn
