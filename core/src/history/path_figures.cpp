#include "history/path_figures.hpp"

#include <algorithm>
#include <cmath>

namespace causeway::history {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
using Seconds = std::chrono::duration<double>;

/// Less than this of an answer or an attempt is nothing.
constexpr double kNothing = 0.01;
constexpr double kWorthOfSuccess = 60, kWorthOfFailure = 10;

double share_left(const store::PathRecord& record, WallTime now) {
  const Duration age = now - record.updated;
  return age <= Duration::zero() ? 1.0 : std::exp2(-Seconds(age) / Seconds(kHalfLife));
}

Duration from_microseconds(double count) {
  return std::chrono::duration_cast<Duration>(Microseconds(std::min(count, 3.6e9)));
}

}  // namespace

void fade(store::PathRecord& record, WallTime now) {
  const double left = share_left(record, now);
  if (left < 1.0) {
    for (double* figure : {&record.answers, &record.losses, &record.rate_bytes_per_s, &record.successes,
                           &record.failures, &record.disconnects, &record.working_s})
      *figure *= left;
  }
  record.updated = std::max(record.updated, now);
}

void add_probes(store::PathRecord& record, double answers, double losses, std::optional<Duration> rtt,
                std::optional<Duration> jitter, WallTime now) {
  fade(record, now);
  if (answers > 0 && rtt) {
    const double share = answers / (record.answers + answers);
    const auto move = [share](double& mean, double to) { mean += share * (to - mean); };
    move(record.rtt_us, Microseconds(*rtt).count());
    move(record.jitter_us, Microseconds(jitter.value_or(Duration::zero())).count());
    record.answers += answers;
  }
  record.losses += losses;
}

void add_working_time(store::PathRecord& record, Duration time, WallTime now) {
  fade(record, now);
  record.working_s += Seconds(time).count();
  record.worked = std::max(record.worked, now);
}

void add_rate(store::PathRecord& record, double bytes_per_s, WallTime now) {
  fade(record, now);
  record.rate_bytes_per_s = std::max(record.rate_bytes_per_s, bytes_per_s);
}

path::History view_of(const store::PathRecord& record, path::History::Scope scope, WallTime now) {
  store::PathRecord faded = record;
  fade(faded, now);
  path::History view;
  view.scope = scope;
  view.samples = faded.answers + faded.losses;
  if (faded.answers > kNothing) {
    view.rtt = from_microseconds(faded.rtt_us);
    view.jitter = from_microseconds(faded.jitter_us);
  }
  if (view.samples > kNothing) view.loss = faded.losses / view.samples;
  if (faded.rate_bytes_per_s >= 1) view.rate_bytes_per_s = static_cast<std::uint64_t>(faded.rate_bytes_per_s);
  view.successes = faded.successes;
  view.failures = faded.failures;
  view.disconnects = faded.disconnects;
  view.working_time = std::chrono::duration_cast<Duration>(Seconds(std::min(faded.working_s, 3e9)));
  view.last_used_ago =
      faded.worked == WallTime{} ? Duration::max() : std::max(Duration::zero(), Duration(now - faded.worked));
  return view;
}

double worth_of(const store::PathRecord& record, WallTime now) {
  return share_left(record, now) *
         (record.working_s + kWorthOfSuccess * record.successes + kWorthOfFailure * record.failures);
}

std::optional<double> expected_cost(const store::PathRecord& record) {
  if (record.answers <= kNothing || record.successes < record.failures) return std::nullopt;
  const double loss = record.losses / (record.losses + record.answers);
  const double failed = record.failures / std::max(record.successes + record.failures, 1.0);
  return (record.rtt_us + 4 * record.jitter_us) / 1000 + 2000 * loss + 1000 * failed;
}

}  // namespace causeway::history
