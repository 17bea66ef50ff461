#include "replay/cost.hpp"

#include <algorithm>

namespace causeway::replay {

double cost_of(Duration rtt, Duration jitter, double loss) {
  return to_milliseconds(rtt) + kJitterWeight * to_milliseconds(jitter) + kLossWeight * 100 * loss;
}

std::vector<Priced> price(const Step& step) {
  std::vector<Priced> prices;
  prices.reserve(step.pairs.size());
  for (const Pair& pair : step.pairs) {
    Priced& priced = prices.emplace_back(Priced{.id = pair.view.id});
    if (pair.truth) {
      priced.is_valid = pair.truth->is_valid;
      if (priced.is_valid) priced.cost = cost_of(pair.truth->rtt, pair.truth->jitter, pair.truth->loss);
      continue;
    }
    priced.is_valid = pair.is_warm && !pair.is_dead;
    const path::Measurements& measured = pair.view.measured;
    if (priced.is_valid && measured.rtt)
      priced.cost = cost_of(*measured.rtt, measured.jitter.value_or(Duration{}), measured.loss);
  }
  return prices;
}

const Priced* find(const std::vector<Priced>& prices, std::optional<std::uint32_t> id) {
  const auto at = std::find_if(prices.begin(), prices.end(), [id](const Priced& p) { return id == p.id; });
  return at == prices.end() ? nullptr : &*at;
}

double best_cost(const std::vector<Priced>& prices) {
  const Priced* best = nullptr;
  for (const Priced& priced : prices)
    if (priced.is_valid && (!best || priced.cost < best->cost)) best = &priced;
  return best ? best->cost : kNoDataCost;
}

}  // namespace causeway::replay
