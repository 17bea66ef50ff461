#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "causeway/ext/priority.h"
#include "parameters.hpp"

/// The formula of README.md. Pure arithmetic over what one call tells of one pair, whatever a peer or a relay
/// made of it.
namespace priority_history {

/// What is known of a pair, believed as far as it can be: in ms and shares, within bounds.
struct Evidence {
  struct Live {
    std::optional<double> rtt_ms, jitter_ms;
    std::optional<double> loss;  ///< 0..1 of the last probes
    double probes = 0;           ///< answered or lost, ever
  } live;
  /// Of the last minute or so; the live figures where nobody remembers (Memory).
  struct Recent {
    std::optional<double> rtt_ms, jitter_ms, loss;
    double probes = 0;  ///< that the loss is of
  } recent;
  struct Past {
    std::optional<double> rtt_ms, jitter_ms;
    std::optional<double> loss;  ///< 0..1
    double samples = 0;          ///< that these rest on, faded
    double disconnects_per_hour = 0;
    double hours_ago = 0;
    bool is_near = false;  ///< of another path, the most alike
  };
  std::optional<Past> past;
  struct Hint {
    double goodness = 0;    ///< 0..1
    double confidence = 0;  ///< 0..1
  };
  std::optional<Hint> hint;
};
Evidence evidence_of(const cw_pair_view& pair);
/// RTTVAR without what is left of its beginning.
std::optional<double> settled_jitter(const Evidence::Live& live);

/// What a pair is expected to cost, in ms.
struct Estimate {
  double cost_ms = 0;
  bool is_known = false;  ///< false: there is neither measurement nor history
  double rtt_ms = 0, jitter_ms = 0;
  double loss = 0;  ///< 0..1
};
/// `place`: how many of the call's pairs ICE puts before it.
Estimate estimate(const Evidence& evidence, std::size_t place, const Parameters& parameters);

/// 0..CW_MAX_SCORE, falling with the logarithm of the cost.
std::int64_t score_of(double cost_ms, const Parameters& parameters);

/// For each pair how many distinct greater priorities there are.
std::vector<std::size_t> ice_places(const std::vector<std::uint64_t>& pair_priorities);

}  // namespace priority_history
