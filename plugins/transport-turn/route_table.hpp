#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "causeway/types.h"

namespace transport_turn {

inline constexpr std::uint16_t kFirstChannel = 0x4000;  // RFC 8656 §12
inline constexpr std::uint16_t kLastChannel = 0x4fff;

/// A peer that has a channel.
struct Route {
  cw_address peer{};
  std::uint16_t channel = 0;
  bool is_bound = false;  ///< the server has said so; before, it may be used by the server but not by us
};

/// An address that may send to us, from any port.
struct Permission {
  cw_address ip{};          ///< port 0
  bool is_granted = false;  ///< as is_bound
};

/// What data threads know of one link: never changed after it is made, found by hash.
class RouteTable {
 public:
  static constexpr std::size_t kMaxRoutes = 256;  ///< as CW_MAX_PEERS_PER_LINK; of either kind

  RouteTable(std::vector<Route> routes, std::vector<Permission> permissions, bool is_stream);

  const Route* find(const cw_address& peer) const;
  const Route* find(std::uint16_t channel) const;
  const Permission* find_permission(const cw_address& peer) const;
  bool is_stream() const { return is_stream_; }

 private:
  // Open addressing, never more than half full; 0 is an empty slot, else the index and one.
  using Slots = std::array<std::uint16_t, 512>;
  static_assert(std::tuple_size_v<Slots> >= 2 * kMaxRoutes);
  template <class Matches>
  static std::size_t probe(const Slots& slots, std::size_t hash, Matches matches);

  std::vector<Route> routes_;
  std::vector<Permission> permissions_;
  Slots by_peer_{};
  Slots by_channel_{};
  Slots by_ip_{};
  bool is_stream_;
};

}  // namespace transport_turn
