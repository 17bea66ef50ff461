#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "replay/trace.hpp"

/// What a choice costs. The unit is a millisecond of delay for one second of use; docs/replay.md has the
/// formula with its reasons.
namespace causeway::replay {

inline constexpr double kJitterWeight = 4;   ///< ms per ms
inline constexpr double kLossWeight = 20;    ///< ms per per cent
inline constexpr double kSwitchCost = 30;    ///< ms per switch
inline constexpr double kNoDataCost = 1000;  ///< ms per second without a path that works

/// RTT ms + 4 x jitter ms + 20 ms x loss %. `loss`: 0..1.
double cost_of(Duration rtt, Duration jitter, double loss);

/// One path as it is until the next step.
struct Priced {
  std::uint32_t id = 0;
  bool is_valid = false;  ///< data passes; false: its cost is kNoDataCost
  double cost = kNoDataCost;
};

/// All pairs of a step: by their truth, or, without one, by their measurements; a path of which no round trip
/// is known yet costs as much as none.
std::vector<Priced> price(const Step& step);
const Priced* find(const std::vector<Priced>& prices, std::optional<std::uint32_t> id);
/// Of the best valid path; kNoDataCost if there is none.
double best_cost(const std::vector<Priced>& prices);

}  // namespace causeway::replay
