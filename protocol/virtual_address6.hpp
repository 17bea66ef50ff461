#pragma once

#include <optional>

#include "net/endpoint.hpp"

/// IPv6 beside the IPv4 pool: a network has a ULA prefix (RFC 4193), and a node's IPv6 virtual address
/// follows from its IPv4 one, so that nothing more has to be allocated, leased or stored.
namespace causeway::protocol {

/// A /64 of fd00::/8: what a network may have. Any other prefix could take away addresses of the real world.
bool is_network_prefix6(const net::Prefix& prefix);

/// The prefix with the IPv4 virtual address in its low 32 bits: fd2a:1b3c:4d5e::a0a:65 for 10.10.0.101.
net::IpAddress virtual_address6(const net::Prefix& prefix6, const net::IpAddress& virtual_address);

/// The IPv4 virtual address that `address` goes with; nullopt when it is none of that prefix.
std::optional<net::IpAddress> virtual_address4(const net::Prefix& prefix6, const net::IpAddress& address);

}  // namespace causeway::protocol
