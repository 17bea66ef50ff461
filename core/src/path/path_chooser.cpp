#include "path/path_chooser.hpp"

#include <algorithm>
#include <utility>

namespace causeway::path {

Selection PathChooser::choose(Input input, SteadyTime now) {
  own_order_.update(input.contenders);
  for (Contender& contender : input.contenders) {
    contender.own_place = own_order_.place_of(contender.id).value_or(0);
    if (input.is_watched && contender.id == selected_) contender.losses_in_a_row = 0;
  }
  Selection selection = select_path({.role = input.role,
                                     .contenders = input.contenders,
                                     .selected = selected_,
                                     .nominated = input.nominated,
                                     .selected_since = selected_since_},
                                    input.connected_since, now);
  if (selection.changed) {
    const bool has_died =
        selected_ && std::find(input.dead.begin(), input.dead.end(), *selected_) != input.dead.end();
    if (has_died && selection.path) selection.reason = SwitchReason::data_lost;
    selected_ = selection.path;
    selected_since_ = now;
    reason_ = selection.reason;
  }
  is_selected_withdrawn_ = std::any_of(
      input.contenders.begin(), input.contenders.end(),
      [&](const Contender& contender) { return contender.id == selected_ && contender.peer_withdrew; });
  return selection;
}

void PathChooser::restore(Standing standing) {
  selected_ = standing.selected;
  selected_since_ = standing.selected_since;
  own_order_ = OwnOrder(std::move(standing.order));
}

}  // namespace causeway::path
