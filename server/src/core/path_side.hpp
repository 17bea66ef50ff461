#pragma once

#include <compare>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "net/endpoint.hpp"
#include "protocol/candidate.hpp"

namespace causeway::server {

/// One end of a path, as coarse as aggregates take it: a block of addresses, directly or by a relay. Blocks
/// of private addresses are one only behind one public address, the site.
struct PathSide {
  net::Prefix block;                     ///< /24, of IPv6 /48
  std::optional<net::Prefix> site = {};  ///< of private addresses: the public one, of IPv6 its /64
  bool is_relay = false;

  friend auto operator<=>(const PathSide&, const PathSide&) = default;
};

/// Both ends in rising order: what is measured is the round trip, so the two directions are one.
using PathClass = std::pair<PathSide, PathSide>;
inline PathClass make_path_class(const PathSide& a, const PathSide& b) {
  return b < a ? PathClass{b, a} : PathClass{a, b};
}

/// nullopt: the address is private and nobody knows where.
std::optional<PathSide> side_of(const net::IpAddress& address, std::string_view type,
                                const std::optional<net::IpAddress>& source);

/// Where a node is, by what it says of itself and where its connection comes from; each once, at most kMost.
std::vector<PathSide> sides_of(const std::vector<protocol::WireCandidate>& candidates,
                               const std::optional<net::IpAddress>& source);
inline constexpr std::size_t kMostSides = 12;

}  // namespace causeway::server
