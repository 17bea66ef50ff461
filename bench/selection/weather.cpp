#include "selection/weather.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "history/path_figures.hpp"

namespace causeway::selection {
namespace {

constexpr double kSlow = 0.95;  ///< how much of its noise a round trip keeps from second to second
/// An hour of a path that is not in use.
constexpr double kProbesPerSession = 700;
constexpr std::size_t kMostSessions = 2;  ///< a day

Duration milliseconds(double ms) { return Duration(static_cast<std::int64_t>(ms * 1e6)); }

}  // namespace

Climate calm_climate(double rtt_ms, Dice& dice) {
  Climate climate;
  climate.rtt_ms = rtt_ms;
  climate.jitter_ms = rtt_ms * dice.log_between(0.01, 0.08) + dice.log_between(0.1, 1.5);
  climate.loss_out = dice.chance(0.7) ? dice.between(0, 0.0005) : dice.between(0, 0.003);
  climate.loss_in = dice.chance(0.7) ? dice.between(0, 0.0005) : dice.between(0, 0.003);
  climate.wander = dice.between(0.005, 0.04);
  climate.spikes_per_minute = dice.log_between(0.03, 0.8);
  return climate;
}

std::vector<Second> make_seconds(const Climate& climate, std::size_t count, const Weather& weather,
                                 Dice dice) {
  std::vector<Second> seconds(count);
  double noise = dice.normal();
  int spike_left = 0;
  Second spike;
  for (std::size_t i = 0; i < count; ++i) {
    Second& state = seconds[i];
    state = {climate.rtt_ms, climate.jitter_ms, climate.loss_out, climate.loss_in, true};
    if (weather) weather(i, state);
    noise = kSlow * noise + std::sqrt(1 - kSlow * kSlow) * dice.normal();
    state.rtt_ms *= std::max(0.5, 1 + climate.wander * noise);
    if (spike_left == 0 && dice.chance(climate.spikes_per_minute / 60)) {
      spike_left = 1 + static_cast<int>(dice.exponential(1.5));
      const double height = dice.log_between(10, 300);
      const double loss = dice.between(0, 0.15);
      spike = {height, height * dice.between(0.2, 0.6), loss, loss * dice.unit(),
               !dice.chance(climate.outages_per_spike)};
    }
    if (spike_left > 0) {
      --spike_left;
      state.rtt_ms += spike.rtt_ms;
      state.jitter_ms += spike.jitter_ms;
      state.loss_out += spike.loss_out;
      state.loss_in += spike.loss_in;
      state.is_up = state.is_up && spike.is_up;
    }
    state.loss_out = std::clamp(state.loss_out, 0.0, 1.0);
    state.loss_in = std::clamp(state.loss_in, 0.0, 1.0);
  }
  return seconds;
}

std::vector<bool> alternate(std::size_t count, double mean_first_s, double mean_second_s, Dice& dice) {
  std::vector<bool> states(count);
  bool is_second = dice.chance(mean_second_s / (mean_first_s + mean_second_s));
  double until = 0;
  for (std::size_t i = 0; i < count; ++i) {
    while (static_cast<double>(i) >= until) {
      is_second = !is_second;
      until += std::max(1.0, dice.exponential(is_second ? mean_second_s : mean_first_s));
    }
    states[i] = is_second;
  }
  return states;
}

std::optional<store::PathRecord> remember(const Past& past, WallTime begin, double hour_now, Dice dice) {
  store::PathRecord record;
  record.local_type = record.remote_type = "host";
  bool is_empty = true;
  for (int day = past.ended_days_ago + past.days; day > past.ended_days_ago; --day) {
    std::array<double, kMostSessions> hours{};
    for (double& hour : hours)
      hour = dice.between(past.hour_from, past.hour_to);
    std::sort(hours.begin(), hours.end());
    for (const double hour : hours) {
      if (!dice.chance(past.sessions / kMostSessions)) continue;
      is_empty = false;
      const double age_h = std::max(0.5, day * 24.0 + hour_now - hour);
      const WallTime then = begin - std::chrono::seconds(static_cast<std::int64_t>(age_h * 3600));
      const Second mean = past.session(day, hour);
      const double loss = loss_of_probes(mean);
      history::add_probes(record, kProbesPerSession * (1 - loss), kProbesPerSession * loss,
                          milliseconds(mean.rtt_ms), milliseconds(mean.jitter_ms), then);
      history::add_working_time(record, 1h, then);
      record.successes += 1;
      record.disconnects += past.disconnects_per_session;
    }
  }
  return is_empty ? std::nullopt : std::optional{record};
}

}  // namespace causeway::selection
