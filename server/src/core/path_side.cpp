#include "server/src/core/path_side.hpp"

#include <algorithm>

namespace causeway::server {
namespace {

void add(std::vector<PathSide>& sides, const std::optional<PathSide>& side) {
  if (!side || sides.size() >= kMostSides) return;
  if (std::find(sides.begin(), sides.end(), *side) == sides.end()) sides.push_back(*side);
}

}  // namespace

std::optional<PathSide> side_of(const net::IpAddress& address, std::string_view type,
                                const std::optional<net::IpAddress>& source) {
  PathSide side{net::Prefix::containing(address, address.is_v4() ? 24 : 48)};
  side.is_relay = type == "relay";
  if (address.is_private() || address.is_link_local()) {
    if (!source) return std::nullopt;
    side.site = net::Prefix::containing(*source, source->is_v4() ? 32 : 64);
  }
  return side;
}

std::vector<PathSide> sides_of(const std::vector<protocol::WireCandidate>& candidates,
                               const std::optional<net::IpAddress>& source) {
  std::vector<PathSide> sides;
  if (source) add(sides, side_of(*source, "host", source));
  for (const auto& candidate : candidates)
    add(sides, side_of(candidate.address.address, candidate.type, source));
  return sides;
}

}  // namespace causeway::server
