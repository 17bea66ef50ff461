#pragma once

#include "base/random.hpp"
#include "net/endpoint.hpp"

namespace causeway::server {

/// A unique local prefix as RFC 4193 §3.2 wants it: fd00::/8, 40 random bits, subnet 0. Two networks that one
/// machine is in share one with a chance of 1 in 10^12.
net::Prefix make_network_prefix6(RandomSource& random);

}  // namespace causeway::server
