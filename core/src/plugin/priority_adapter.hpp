#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "path/path.hpp"
#include "plugin/host.hpp"
#include "plugin/instance.hpp"

namespace causeway::plugin {

/// Of the NIC of each base.
using InterfaceNames = std::map<net::BaseId, std::string>;

/// What a decision is made in, besides the candidates or pairs.
struct DecisionInput {
  Now now;
  std::uint64_t seed = 0;
  std::string peer = {};
  std::string configuration = {};  ///< this plugin's
  FriendTier tier = FriendTier::unknown;
  std::shared_ptr<const InterfaceNames> interfaces = {};  ///< null: none is known
};

struct RankAnswer {
  cw_status status = CW_OK;
  std::vector<std::uint32_t> priorities;  ///< in range
  std::uint32_t out_of_range = 0;
  friend bool operator==(const RankAnswer&, const RankAnswer&) = default;
};

struct LayerScore {
  std::int64_t score = 0;  ///< clamped to 0..1,000,000
  bool is_vetoed = false;
  std::string reason;
  std::uint32_t multipath_weight = 0;
  friend bool operator==(const LayerScore&, const LayerScore&) = default;
};
struct ScoreAnswer {
  cw_status status = CW_OK;
  std::vector<LayerScore> scores;
  std::optional<Duration> ask_again_after;
  std::uint32_t out_of_range = 0;
  friend bool operator==(const ScoreAnswer&, const ScoreAnswer&) = default;
};

/// Ask a priority plugin. Plugin thread. Lists of an answer are as long as what was asked, or empty on
/// failure.
RankAnswer ask_ranks(Instance& instance, const DecisionInput& input,
                     std::span<const ice::Candidate> candidates);
ScoreAnswer ask_scores(Instance& instance, const DecisionInput& input, std::span<const path::PathView> paths);

}  // namespace causeway::plugin
