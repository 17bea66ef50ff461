#include "selection/world.hpp"

#include <algorithm>
#include <cmath>

#include "selection/classes.hpp"

namespace causeway::selection {

std::string_view to_string(WorldClass world_class) {
  switch (world_class) {
    case WorldClass::lossy_direct:
      return "lossy-direct";
    case WorldClass::flapping_wifi:
      return "flapping-wifi";
    case WorldClass::evening_congestion:
      return "evening-congestion";
    case WorldClass::asymmetric_loss:
      return "asymmetric-loss";
    case WorldClass::slow_drift:
      return "slow-drift";
    case WorldClass::honest_baseline:
      return "honest-baseline";
    case WorldClass::wrong_hints:
      return "wrong-hints";
  }
  return "";
}

double loss_of_traffic(const World& world, const Second& second) {
  if (!second.is_up) return 1;
  return world.share_out * second.loss_out + (1 - world.share_out) * second.loss_in;
}

double loss_of_probes(const Second& second) {
  if (!second.is_up) return 1;
  return 1 - (1 - second.loss_out) * (1 - second.loss_in);
}

World make_world(WorldClass world_class, std::uint64_t seed) {
  const Dice dice(mix(seed, 0x5e1ec7 + static_cast<std::uint64_t>(world_class)));
  Draft draft(world_class, seed, dice);
  switch (world_class) {
    case WorldClass::lossy_direct:
      draft_lossy_direct(draft);
      break;
    case WorldClass::flapping_wifi:
      draft_flapping_wifi(draft);
      break;
    case WorldClass::evening_congestion:
      draft_evening_congestion(draft);
      break;
    case WorldClass::asymmetric_loss:
      draft_asymmetric_loss(draft);
      break;
    case WorldClass::slow_drift:
      draft_slow_drift(draft);
      break;
    case WorldClass::honest_baseline:
      draft_honest_baseline(draft);
      break;
    case WorldClass::wrong_hints: {
      constexpr std::array kOthers{draft_lossy_direct,    draft_flapping_wifi, draft_evening_congestion,
                                   draft_asymmetric_loss, draft_slow_drift,    draft_honest_baseline};
      kOthers[draft.dice().next() % kOthers.size()](draft);
      return draft.finish_with_wrong_hints();
    }
  }
  return draft.finish();
}

}  // namespace causeway::selection
