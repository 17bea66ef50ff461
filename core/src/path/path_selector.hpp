#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/time.hpp"
#include "ice/agent.hpp"
#include "path/path.hpp"
#include "path/switch_reason.hpp"

namespace causeway::path {

/// One valid path with what the selector weighs.
struct Contender {
  std::uint32_t id = 0;
  std::uint64_t pair_priority = 0;
  std::int64_t score = 0;
  bool vetoed = false;
  unsigned losses_in_a_row = 0;
  /// Its place in our order and in the peer's, 0 is the best; the peer's only if its order counts.
  unsigned own_place = 0;
  std::optional<unsigned> peer_place = {};
  bool peer_vetoed = false;
  /// It failed of late: it does not replace a path that works before this.
  std::optional<SteadyTime> not_before = {};
  bool peer_withdrew = false;  ///< the peer had it and has it no more: it left that network
};

struct SelectorInput {
  ice::Role role = ice::Role::controlling;
  std::span<const Contender> contenders;   ///< valid paths only
  std::optional<std::uint32_t> selected;   ///< in use now; may have stopped being a contender
  std::optional<std::uint32_t> nominated;  ///< the newest nomination, by either side
  std::optional<SteadyTime> selected_since;
};

struct Selection {
  std::optional<std::uint32_t> path;  ///< nullopt: none is left
  SwitchReason reason = SwitchReason::none;
  bool changed = false;
  std::optional<SteadyTime> ask_again;  ///< a decision waits for this moment
};

/// A better score must be better by this (of 1,000,000) to move traffic: noise must not make paths flap.
inline constexpr std::int64_t kSwitchMargin = 20'000;
/// And the path in use is given this long before a merely better one replaces it. Not in the first moments of
/// a connection, when pairs turn valid one after the other and the best comes last.
inline constexpr Duration kMinimumDwell = std::chrono::seconds(5);
inline constexpr Duration kSettling = std::chrono::milliseconds(1500);
/// So many probes lost in a row make the path in use suspect while another one answers.
inline constexpr unsigned kSuspectLosses = 2;

/// Chooses one of the valid paths. Pure: the same input gives the same answer. `connected_since` is when the
/// first path of this connection turned valid.
Selection select_path(const SelectorInput& input, std::optional<SteadyTime> connected_since, SteadyTime now);

}  // namespace causeway::path
