#include "path/path_selector.hpp"

#include <algorithm>

namespace causeway::path {
namespace {

bool is_suspect(const Contender& contender) {
  return contender.losses_in_a_row >= kSuspectLosses || contender.peer_withdrew;
}

bool is_vetoed(const Contender& contender) { return contender.vetoed || contender.peer_vetoed; }

/// Vetoed paths, by either side, only if all are; suspect ones only if all are; then the sum of the places
/// that both sides give it, ties by our own; without the peer's the score; ties by pair priority, then the
/// older.
bool is_better(const Contender& a, const Contender& b) {
  if (is_vetoed(a) != is_vetoed(b)) return is_vetoed(b);
  if (is_suspect(a) != is_suspect(b)) return is_suspect(b);
  if (a.peer_place && b.peer_place) {
    const unsigned sum_a = a.own_place + *a.peer_place, sum_b = b.own_place + *b.peer_place;
    return sum_a != sum_b ? sum_a < sum_b : a.own_place < b.own_place;
  }
  if (a.score != b.score) return a.score > b.score;
  if (a.pair_priority != b.pair_priority) return a.pair_priority > b.pair_priority;
  return a.id < b.id;
}

const Contender* find(std::span<const Contender> contenders, std::optional<std::uint32_t> id) {
  const auto at =
      std::find_if(contenders.begin(), contenders.end(), [&](const auto& c) { return id == c.id; });
  return at == contenders.end() ? nullptr : &*at;
}

}  // namespace

Selection select_path(const SelectorInput& input, std::optional<SteadyTime> connected_since, SteadyTime now) {
  const auto stay = [&](std::optional<SteadyTime> ask_again = std::nullopt) {
    return Selection{input.selected, SwitchReason::none, false, ask_again};
  };
  const auto move_to = [&](const Contender& contender, SwitchReason reason) {
    return Selection{contender.id, reason, true, std::nullopt};
  };

  // 1. Nothing works: say so, once.
  if (input.contenders.empty()) {
    return {std::nullopt, SwitchReason::all_lost, input.selected.has_value(), std::nullopt};
  }
  const Contender& best = *std::min_element(input.contenders.begin(), input.contenders.end(), is_better);
  const Contender* current = find(input.contenders, input.selected);

  // 2. A path that no longer works is left at once, by either side: nomination settles it afterwards.
  if (!current) {
    return move_to(best, input.selected ? SwitchReason::selected_lost : SwitchReason::first_valid);
  }
  // 3. A path that stopped answering is left for one that answers, before its consent has run out.
  if (is_suspect(*current) && !is_suspect(best)) {
    return move_to(best, current->peer_withdrew ? SwitchReason::withdrawn : SwitchReason::selected_suspect);
  }

  // 4. The controlled side follows the newest nomination: the two ends stay on one path (RFC 8445 §8.1.1).
  if (input.role == ice::Role::controlled) {
    const Contender* nominated = find(input.contenders, input.nominated);
    if (nominated && nominated != current && !is_suspect(*nominated)) {
      return move_to(*nominated, SwitchReason::nominated_by_peer);
    }
    if (nominated) return stay();
  }
  // 5. A veto moves traffic without margin, as long as something else is left.
  if (is_vetoed(*current) && !is_vetoed(best)) return move_to(best, SwitchReason::vetoed);

  // 6. Better by more than the margin, and the path in use has had its time. Orders have the margin in them.
  const bool is_agreed = best.peer_place && current->peer_place;
  if (&best == current || (!is_agreed && best.score < current->score + kSwitchMargin)) return stay();
  const bool settling = connected_since && now - *connected_since < kSettling;
  const SteadyTime may_leave = input.selected_since.value_or(now) + kMinimumDwell;
  if (!settling && now < may_leave) return stay(may_leave);
  if (best.not_before && now < *best.not_before) return stay(best.not_before);
  return move_to(best, is_agreed ? SwitchReason::agreed : SwitchReason::higher_score);
}

}  // namespace causeway::path
