#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "ice/agent.hpp"
#include "path/path.hpp"
#include "path/path_chooser.hpp"
#include "path/switch_reason.hpp"
#include "plugin/host.hpp"

/// Traces of what a node knew of its paths, and what any algorithm would have made of them: docs/replay.md.
namespace causeway::replay {

/// What the network did on a path from one step until the next of its peer. Only generators know it; of a
/// recorded trace the measurements stand for it.
struct Truth {
  bool is_valid = true;  ///< data passes
  Duration rtt{};
  Duration jitter{};
  double loss = 0;  ///< 0..1
  friend bool operator==(const Truth&, const Truth&) = default;
};

/// One pair in one step. `view.is_selected` is for recorders: in a replay it is what the replay selected.
struct Pair {
  path::PathView view;
  std::string interface;  ///< the NIC of the local candidate's base; empty: not known
  /// ICE calls it valid, so that it is scored and may be chosen. False: only its truth is told.
  bool is_warm = true;
  // What the selection weighs besides scores, as path::Contender has it.
  bool is_dead = false;  ///< data is lost on it although checks may pass: not to be chosen
  unsigned losses_in_a_row = 0;
  std::optional<SteadyTime> not_before = {};
  std::optional<unsigned> peer_place = {};
  bool peer_vetoed = false;
  bool peer_withdrew = false;
  std::optional<Truth> truth = {};
  /// Of `begin`: the score that it had.
  std::int64_t score = 0;
  bool vetoed = false;
};

enum class StepKind : std::uint8_t {
  second,  ///< the stack scores all warm pairs, its answer counts at once, a choice is made
  begin,   ///< recording began in mid-life of a connection: what stood at this moment
  score,   ///< a daemon asked its stack about all warm pairs
  scored,  ///< the answer to the newest question arrived; a `choose` of the same moment follows
  choose,  ///< a choice was due; histories and hints are not told again
  end,     ///< the connection ended, and all that was known of its pairs is forgotten
};

/// What one moment asks of the algorithms. Steps of a trace are in the order of time; several may have the
/// same moment, or be of several peers.
struct Step {
  StepKind kind = StepKind::second;
  Now now{};
  std::uint64_t seed = 0;  ///< of the decision
  std::string peer;
  plugin::FriendTier tier = plugin::FriendTier::unknown;
  std::vector<Pair> pairs;  ///< all of the peer, in rising order of their ids

  // What the selection weighs besides the pairs. A generated trace may leave it as it is.
  ice::Role role = ice::Role::controlling;
  std::optional<std::uint32_t> nominated = {};  ///< the newest nomination, by either side
  /// When the first path of this connection turned valid; nullopt: when a step first had a warm pair.
  std::optional<SteadyTime> connected_since = {};
  bool is_watched = false;  ///< losses of the path in use do not count: data tells more

  struct Chosen {
    std::optional<std::uint32_t> path;  ///< nullopt: none is left
    path::SwitchReason reason = path::SwitchReason::none;
    friend bool operator==(const Chosen&, const Chosen&) = default;
  };
  std::optional<Chosen> chosen = {};          ///< of `choose`: what the daemon did
  std::string scored_by;                      ///< of `scored`: the layers that answered
  path::PathChooser::Standing standing = {};  ///< of `begin`
};

/// One layer of the stack that a recording began with.
struct Layer {
  std::string name;
  std::string version;
  std::string sha256;  ///< of the file, hexadecimal
  std::uint32_t weight_per_mille = 1000;
  std::string configuration;  ///< its JSON object; empty: none
  Bytes state;                ///< as it was exported; empty: none
  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Header {
  enum class Origin : std::uint8_t { recorded, generated };
  Origin origin = Origin::generated;
  std::string title;  ///< for people: which node, or which class and seed
  WallTime begun{};
  /// How long the last step of a peer lasts. Every other lasts until the next one of its peer.
  Duration last_step{};
  std::vector<Layer> stack;  ///< empty: the built-in formula
};

struct Trace {
  Header header;
  std::vector<Step> steps;
};

}  // namespace causeway::replay
