#include "route_table.hpp"

#include <cstring>

#include "address.hpp"

namespace transport_turn {

namespace {

/// Peers are chosen by whoever is allowed to be one, and there are at most 256: any mixing will do.
std::size_t hash_of(const cw_address& address, std::uint16_t port) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.octets, 8);
  std::memcpy(&low, address.octets + 8, 8);
  const std::uint64_t mixed = (high ^ (low * 31) ^ (std::uint64_t{port} << 20)) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::size_t>(mixed >> 32);
}

}  // namespace

template <class Matches>
std::size_t RouteTable::probe(const Slots& slots, std::size_t hash, Matches matches) {
  std::size_t at = hash % slots.size();
  while (slots[at] != 0 && !matches(slots[at] - 1U))
    at = (at + 1) % slots.size();
  return at;
}

RouteTable::RouteTable(std::vector<Route> routes, std::vector<Permission> permissions, bool is_stream)
    : routes_(std::move(routes)), permissions_(std::move(permissions)), is_stream_(is_stream) {
  if (routes_.size() > kMaxRoutes) routes_.resize(kMaxRoutes);
  if (permissions_.size() > kMaxRoutes) permissions_.resize(kMaxRoutes);
  const auto never = [](std::size_t) { return false; };
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const auto entry = static_cast<std::uint16_t>(i + 1);
    by_peer_[probe(by_peer_, hash_of(routes_[i].peer, routes_[i].peer.port), never)] = entry;
    by_channel_[probe(by_channel_, routes_[i].channel, never)] = entry;
  }
  for (std::size_t i = 0; i < permissions_.size(); ++i)
    by_ip_[probe(by_ip_, hash_of(permissions_[i].ip, 0), never)] = static_cast<std::uint16_t>(i + 1);
}

const Route* RouteTable::find(const cw_address& peer) const {
  const std::size_t at = probe(by_peer_, hash_of(peer, peer.port),
                               [&](std::size_t i) { return is_same(routes_[i].peer, peer); });
  return by_peer_[at] == 0 ? nullptr : &routes_[by_peer_[at] - 1U];
}

const Route* RouteTable::find(std::uint16_t channel) const {
  const std::size_t at =
      probe(by_channel_, channel, [&](std::size_t i) { return routes_[i].channel == channel; });
  return by_channel_[at] == 0 ? nullptr : &routes_[by_channel_[at] - 1U];
}

const Permission* RouteTable::find_permission(const cw_address& peer) const {
  const std::size_t at =
      probe(by_ip_, hash_of(peer, 0), [&](std::size_t i) { return is_same_ip(permissions_[i].ip, peer); });
  return by_ip_[at] == 0 ? nullptr : &permissions_[by_ip_[at] - 1U];
}

}  // namespace transport_turn
