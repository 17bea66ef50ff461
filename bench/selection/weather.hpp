#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "selection/dice.hpp"
#include "selection/world.hpp"

namespace causeway::selection {

/// What a path is like while nothing happens.
struct Climate {
  double rtt_ms = 20;
  double jitter_ms = 1;
  double loss_out = 0, loss_in = 0;
  double wander = 0.02;             ///< of the round trip: standard deviation of its slow noise
  double spikes_per_minute = 0.2;   ///< short disturbances that every path has
  double outages_per_spike = 0.05;  ///< how many of them let nothing through
};

/// A wired path of this round trip: little jitter, hardly any loss.
Climate calm_climate(double rtt_ms, Dice& dice);

/// Changes a second of the climate, before noise and spikes are added.
using Weather = std::function<void(std::size_t second, Second& state)>;

std::vector<Second> make_seconds(const Climate& climate, std::size_t count, const Weather& weather,
                                 Dice dice);

/// For each second whether it lies in the second of two alternating states, each of random length.
std::vector<bool> alternate(std::size_t count, double mean_first_s, double mean_second_s, Dice& dice);

/// What a store would remember of a path whose days were like this.
struct Past {
  int days = 7;          ///< how far it goes back
  double sessions = 1;   ///< a day
  double hour_from = 0;  ///< sessions begin between these hours of the day …
  double hour_to = 24;
  int ended_days_ago = 0;  ///< nothing newer
  /// The mean of a session that begins at this hour, `days_ago` (1: yesterday).
  std::function<Second(int days_ago, double hour)> session;
  double disconnects_per_session = 0;
};
/// By the arithmetic of core/src/history. `begin` is at `hour_now`.
std::optional<store::PathRecord> remember(const Past& past, WallTime begin, double hour_now, Dice dice);

}  // namespace causeway::selection
