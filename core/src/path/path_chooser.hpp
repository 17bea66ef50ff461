#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "path/orders.hpp"
#include "path/path_selector.hpp"

namespace causeway::path {

/// Which path is in use, and since when: what select_path() needs to know of its earlier choices. The same
/// inputs lead to the same choices, in a daemon and in a replay.
class PathChooser {
 public:
  struct Input {
    ice::Role role = ice::Role::controlling;
    /// Valid paths on which data is not lost, with their scores. Our own places are filled in here.
    std::vector<Contender> contenders;
    std::vector<std::uint32_t> dead;         ///< paths on which data is lost
    std::optional<std::uint32_t> nominated;  ///< the newest nomination, by either side
    /// When the first path of this connection turned valid.
    std::optional<SteadyTime> connected_since;
    /// Losses of the path in use do not tell whether it is to be left: somebody who knows better does.
    bool is_watched = false;
  };
  /// What it goes on from.
  struct Standing {
    std::optional<std::uint32_t> selected;
    std::optional<SteadyTime> selected_since;
    std::vector<std::uint32_t> order;  ///< our own, best first
    friend bool operator==(const Standing&, const Standing&) = default;
  };

  /// Afterwards selected() is what the returned selection says.
  Selection choose(Input input, SteadyTime now);

  std::optional<std::uint32_t> selected() const { return selected_; }
  std::optional<SteadyTime> selected_since() const { return selected_since_; }
  SwitchReason reason() const { return reason_; }
  /// The peer left the network of the selected path, as of the last choice.
  bool is_selected_withdrawn() const { return is_selected_withdrawn_; }
  const OwnOrder& own_order() const { return own_order_; }

  Standing standing() const { return {selected_, selected_since_, own_order_.ids()}; }
  void restore(Standing standing);

 private:
  std::optional<std::uint32_t> selected_;
  std::optional<SteadyTime> selected_since_;
  SwitchReason reason_ = SwitchReason::none;
  bool is_selected_withdrawn_ = false;
  OwnOrder own_order_;
};

}  // namespace causeway::path
