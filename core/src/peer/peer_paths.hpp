#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "ice/agent.hpp"
#include "path/path_selector.hpp"
#include "path/path_stats.hpp"

namespace causeway::peer {

/// All paths of one peer: what ICE says is valid, what was measured of each, how the priority stack scores
/// them, and which one is selected. It decides by path::select_path(); the peer acts. Control thread.
class PeerPaths {
 public:
  struct Entry {
    bool is_valid = false;
    SteadyTime valid_since{};
    path::PathStats stats;
    path::Score score;
  };

  void on_validated(ice::PairId pair, SteadyTime now);
  void on_invalidated(ice::PairId pair);
  void on_measured(ice::PairId pair, Duration rtt);
  void on_probe_lost(ice::PairId pair);
  void set_nominated(ice::PairId pair) { nominated_ = pair; }
  void set_scores(const std::vector<path::Score>& scores);
  /// Forgets everything: the agent that named the pairs is gone.
  void clear();

  /// Re-decides; afterwards selected() is what the returned selection says.
  path::Selection reselect(ice::Role role, const ice::Agent& agent, SteadyTime now);

  std::optional<ice::PairId> selected() const { return selected_; }
  std::optional<ice::PairId> nominated() const { return nominated_; }
  std::optional<SteadyTime> selected_since() const { return selected_since_; }
  path::SwitchReason reason() const { return reason_; }
  std::size_t valid_count() const;
  const Entry* find(ice::PairId pair) const;
  /// The valid paths as the priority stack is shown them.
  std::vector<path::PathView> views(const ice::Agent& agent) const;

 private:
  std::map<ice::PairId, Entry> entries_;
  std::optional<ice::PairId> selected_;
  std::optional<ice::PairId> nominated_;
  std::optional<SteadyTime> selected_since_;
  std::optional<SteadyTime> connected_since_;
  path::SwitchReason reason_ = path::SwitchReason::none;
};

}  // namespace causeway::peer
