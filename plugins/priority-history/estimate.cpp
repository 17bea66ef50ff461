#include "estimate.hpp"

#include <algorithm>
#include <cmath>

#include "causeway/cpp/plugin.hpp"

namespace priority_history {
namespace {

using causeway_sdk::read;

/// No answer of another process is faster: who claims so says nothing.
constexpr std::int64_t kLeastBelievable = 2'000;
/// Longer is as bad as this.
constexpr double kMostMs = 10'000;
constexpr double kMostCostMs = 4'000;
/// RFC 6298 §2.2: RTTVAR begins at half of the first round trip, and keeps 3/4 at each measurement.
constexpr double kFirstVariation = 0.5, kVariationKept = 0.75;
/// Of a path whose jitter nobody has measured.
constexpr double kUsualJitter = 0.1, kUsualJitterProbes = 1;
/// Another path's past is worth so much of its own.
constexpr double kNearWorth = 0.5;
/// A path that was used for a minute did not get a rate of disconnects by the one that it had.
constexpr double kLeastWorkingHours = 0.5;
constexpr double kMostDisconnectsPerHour = 20;

std::optional<double> milliseconds(bool is_known, std::int64_t ns, std::int64_t least) {
  if (!is_known || ns < least) return std::nullopt;
  return std::min(static_cast<double>(ns) / 1e6, kMostMs);
}

std::optional<double> share(bool is_known, std::uint32_t ppm) {
  if (!is_known) return std::nullopt;
  return std::min(static_cast<double>(ppm) / 1e6, 1.0);
}

/// The mean of what has weight.
class Mean {
 public:
  void add(std::optional<double> value, double weight) {
    if (!value || weight <= 0) return;
    sum_ += *value * weight;
    weight_ += weight;
  }
  double value_or(double fallback) const { return weight_ > 0 ? sum_ / weight_ : fallback; }

 private:
  double sum_ = 0, weight_ = 0;
};

}  // namespace

std::optional<double> settled_jitter(const Evidence::Live& live) {
  if (!live.jitter_ms || !live.rtt_ms) return std::nullopt;
  const double left = kFirstVariation * std::pow(kVariationKept, std::max(0.0, live.probes - 1));
  return std::max(0.0, *live.jitter_ms - *live.rtt_ms * left);
}

Evidence evidence_of(const cw_pair_view& pair) {
  Evidence evidence;
  const cw_statistics live = read(pair.statistics);
  evidence.live.rtt_ms = milliseconds((live.known & CW_KNOWN_RTT) != 0, live.rtt_ns, kLeastBelievable);
  evidence.live.jitter_ms = milliseconds((live.known & CW_KNOWN_JITTER) != 0, live.jitter_ns, 0);
  evidence.live.loss = share((live.known & CW_KNOWN_LOSS) != 0, live.loss_ppm);
  evidence.live.probes = live.probes;
  if (pair.history != nullptr) {
    const cw_history given = read(pair.history);
    Evidence::Past past;
    past.rtt_ms = milliseconds((given.known & CW_KNOWN_RTT) != 0, given.rtt_ns, kLeastBelievable);
    past.jitter_ms = milliseconds((given.known & CW_KNOWN_JITTER) != 0, given.jitter_ns, 0);
    past.loss = share((given.known & CW_KNOWN_LOSS) != 0, given.loss_ppm);
    past.samples = given.samples;
    const double hours = std::max(static_cast<double>(given.working_time_s) / 3600, kLeastWorkingHours);
    if ((given.known & CW_KNOWN_DISCONNECTS) != 0)
      past.disconnects_per_hour = std::min(given.disconnects / hours, kMostDisconnectsPerHour);
    if ((given.known & CW_KNOWN_AGE) != 0)
      past.hours_ago = std::max(0.0, static_cast<double>(given.last_used_ago_ns) / 3.6e12);
    past.is_near = given.scope == CW_HISTORY_NEAR;
    evidence.past = past;
  }
  if (pair.hint != nullptr) {
    const cw_hint hint = read(pair.hint);
    evidence.hint = Evidence::Hint{std::clamp(static_cast<double>(hint.score) / CW_MAX_SCORE, 0.0, 1.0),
                                   std::min(hint.confidence, 1000u) / 1000.0};
  }
  return evidence;
}

Estimate estimate(const Evidence& evidence, std::size_t place, const Parameters& parameters) {
  const Evidence::Live& live = evidence.live;
  const Evidence::Past past = evidence.past.value_or(Evidence::Past{});
  const double trust =
      std::exp2(-past.hours_ago / parameters.history_half_life_hours) * (past.is_near ? kNearWorth : 1.0);
  const double remembered = past.samples * trust;

  Estimate result;
  const double live_weight = std::clamp(live.probes, 1.0, parameters.live_round_trips);
  const double past_weight = std::min(remembered, parameters.history_round_trips);
  const bool has_past_rtt = past.rtt_ms && past_weight > 0;
  result.is_known = live.rtt_ms.has_value() || has_past_rtt;
  Mean rtt;
  rtt.add(evidence.recent.rtt_ms, live_weight);
  rtt.add(past.rtt_ms, past_weight);
  result.rtt_ms = rtt.value_or(parameters.unknown_ms);

  Mean jitter;
  jitter.add(evidence.recent.jitter_ms, live_weight);
  jitter.add(past.jitter_ms, past_weight);
  jitter.add(kUsualJitter * result.rtt_ms, kUsualJitterProbes);
  result.jitter_ms = jitter.value_or(0);

  Mean loss;
  loss.add(evidence.recent.loss, evidence.recent.probes);
  loss.add(past.loss, std::min(remembered, parameters.history_losses));
  loss.add(parameters.usual_loss / 100, parameters.usual_loss_probes);
  result.loss = loss.value_or(0);

  // What others say, and ICE's order, count as long as little was measured.
  const double ignorance = 1 / (1 + live.probes / 8);
  result.cost_ms = result.rtt_ms + parameters.jitter_weight * result.jitter_ms +
                   parameters.loss_ms * 100 * result.loss +
                   parameters.disconnect_ms * past.disconnects_per_hour * std::min(1.0, trust) +
                   parameters.order_ms * static_cast<double>(place) * ignorance;
  if (evidence.hint) {
    result.cost_ms +=
        parameters.hint_ms * evidence.hint->confidence * (1 - evidence.hint->goodness) * ignorance;
  }
  return result;
}

std::int64_t score_of(double cost_ms, const Parameters& parameters) {
  const double cost = std::clamp(cost_ms, 0.0, kMostCostMs);
  const double share_lost =
      std::log1p(cost / parameters.scale_ms) / std::log1p(kMostCostMs / parameters.scale_ms);
  return std::clamp<std::int64_t>(std::llround(CW_MAX_SCORE * (1 - share_lost)), 0, CW_MAX_SCORE);
}

std::vector<std::size_t> ice_places(const std::vector<std::uint64_t>& pair_priorities) {
  std::vector<std::uint64_t> order = pair_priorities;
  std::sort(order.begin(), order.end(), std::greater<>());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::vector<std::size_t> places;
  for (const std::uint64_t priority : pair_priorities) {
    const auto at = std::lower_bound(order.begin(), order.end(), priority, std::greater<>());
    places.push_back(static_cast<std::size_t>(at - order.begin()));
  }
  return places;
}

}  // namespace priority_history
