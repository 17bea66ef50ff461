#pragma once

#include <optional>

#include "base/time.hpp"
#include "path/path.hpp"
#include "store/history_state.hpp"

/// Arithmetic of one record. Every function brings it to `now` first.
namespace causeway::history {

/// Half of a count, a time or a weight is left after this.
inline constexpr Duration kHalfLife = std::chrono::hours(72);

/// Lets the figures fade to `now`. A clock that was set back changes nothing.
void fade(store::PathRecord& record, WallTime now);
/// So many probes were answered, with this smoothed round trip and variation, and so many lost.
void add_probes(store::PathRecord& record, double answers, double losses, std::optional<Duration> rtt,
                std::optional<Duration> jitter, WallTime now);
void add_working_time(store::PathRecord& record, Duration time, WallTime now);
void add_rate(store::PathRecord& record, double bytes_per_s, WallTime now);

/// As the priority stack is shown it.
path::History view_of(const store::PathRecord& record, path::History::Scope scope, WallTime now);
/// How much would be lost with it: its working time in seconds, a minute more for each success, ten seconds
/// for each failure; faded.
double worth_of(const store::PathRecord& record, WallTime now);
/// What it is expected to cost, in milliseconds: round trip, 4 times the jitter, 20 for each percent of loss,
/// and up to 1,000 for the share of attempts that failed. Only of paths that worked at least as often as not.
std::optional<double> expected_cost(const store::PathRecord& record);

}  // namespace causeway::history
