#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "path/path.hpp"
#include "store/history_state.hpp"

/// Worlds in which a path has to be chosen: what the network really does in each second on each of a few
/// paths to one peer, and what is remembered of earlier days. Made from a seed; docs/selection.md describes
/// the classes.
namespace causeway::selection {

enum class WorldClass : std::uint8_t {
  lossy_direct,        ///< the direct path loses packets, a relay does not
  flapping_wifi,       ///< a wireless network comes and goes, another one stays
  evening_congestion,  ///< one way is congested for some hours of each evening
  asymmetric_loss,     ///< loss in one direction only, traffic mostly in one direction
  slow_drift,          ///< round trips and loss change over many minutes
  honest_baseline,     ///< ICE's order is right
  wrong_hints,         ///< any of the above, with a server that says the opposite of the truth
};
inline constexpr std::array kAllClasses{WorldClass::lossy_direct,       WorldClass::flapping_wifi,
                                        WorldClass::evening_congestion, WorldClass::asymmetric_loss,
                                        WorldClass::slow_drift,         WorldClass::honest_baseline,
                                        WorldClass::wrong_hints};
std::string_view to_string(WorldClass world_class);

/// What one path does for one second.
struct Second {
  double rtt_ms = 0;     ///< mean
  double jitter_ms = 0;  ///< mean deviation from it
  double loss_out = 0;   ///< 0..1, of what we send
  double loss_in = 0;    ///< 0..1, of what the peer sends
  bool is_up = true;     ///< false: nothing passes, either way
};

struct Route {
  ice::Candidate local, remote;
  std::uint64_t pair_priority = 0;
  std::vector<Second> seconds;
  /// What the store of path history has of it from earlier days, as of World::begin.
  std::optional<store::PathRecord> past = {};
  std::optional<path::Hint> hint = {};
};

struct World {
  WorldClass world_class{};
  std::uint64_t seed = 0;
  std::vector<Route> routes;  ///< two to five, in no particular order
  double share_out = 0.5;     ///< of the traffic: how much of it we send
  WallTime begin{};
  std::size_t seconds() const { return routes.front().seconds.size(); }
};

World make_world(WorldClass world_class, std::uint64_t seed);

/// The loss that traffic meets, 0..1.
double loss_of_traffic(const World& world, const Second& second);
/// The loss that probes see: there and back.
double loss_of_probes(const Second& second);

}  // namespace causeway::selection
