#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/endpoint.hpp"
#include "store/history_state.hpp"

/// What is remembered of paths over connections and restarts, and when two paths are the same to it.
/// Sans-I/O.
namespace causeway::history {

/// Which network a NIC is on, by what a renewal of its lease leaves as it is: "wlan0 192.168.1.0/24 via
/// 192.168.1.1". An IPv6 router that shows its hardware address names its network alone, as providers change
/// prefixes: "wlan0 via fe80::a00:27ff:fe11:2233".
std::string network_name(std::string_view interface, const net::Prefix& on_link,
                         const std::optional<net::IpAddress>& gateway);

/// The block that stands for a remote address: the address itself, of IPv6 its /64 (RFC 8981: hosts change
/// the rest by themselves).
net::Prefix remote_block(const net::IpAddress& remote);

/// The same but for the remote address, which is another one of the same /24 (IPv6: /48): a renewed lease, a
/// redialled line.
bool are_near(const store::PathKey& a, const store::PathKey& b);

}  // namespace causeway::history
