#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/world.hpp"

namespace causeway::sim {

struct Outcome {
  std::optional<Breach> breach;
  SteadyTime ended{};
  std::uint64_t steps = 0;
  Network::Counters network;
  std::uint64_t packets_sent = 0, packets_received = 0;
  Duration until_online{};   ///< of the slowest node, after the trouble
  Duration until_crossed{};  ///< of the slowest direction that has a way
  std::string diagram;       ///< if it was asked for

  /// Two runs of one seed do the same.
  bool is_same_run(const Outcome& other) const {
    return ended == other.ended && steps == other.steps && network == other.network &&
           packets_received == other.packets_received;
  }
};

/// Lives through the plan of a seed: trouble, healing, progress, address hand-over, leaving.
Outcome run_seed(std::uint64_t seed, bool with_diagram);

}  // namespace causeway::sim
