#pragma once

#include <string>

#include "causeway/cpp/address.hpp"

namespace transport_turn {

using causeway_sdk::is_same;
using causeway_sdk::is_same_ip;
using causeway_sdk::parse_address;

std::string to_text(const cw_address& address);

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
