#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "ice/candidate.hpp"
#include "net/endpoint.hpp"

/// A *path* is what the data plane may use to reach a peer: a valid pair. ICE checks pairs; this folder
/// measures paths and chooses among them.
namespace causeway::path {

/// What is known of one path from its probes; a copy. Unknown is nullopt.
struct Measurements {
  std::optional<Duration> rtt;     ///< smoothed (RFC 6298 SRTT)
  std::optional<Duration> jitter;  ///< RFC 6298 RTTVAR
  double loss = 0;                 ///< 0..1 of recent probes
  std::uint32_t probes = 0;        ///< how many that rests on
  std::uint32_t disconnects = 0;   ///< times it was lost while in use or warm
};

/// A path as the priority algorithm sees it.
struct PathView {
  std::uint32_t id = 0;  ///< the pair's id within its peer
  ice::Candidate local;
  ice::Candidate remote;
  std::uint64_t pair_priority = 0;
  Measurements measured;
  SteadyTime since{};
  bool is_selected = false;
};

/// What a priority stack says of one path. Scores compare only within one call.
struct Score {
  std::uint32_t id = 0;
  std::int64_t score = 0;  ///< 0..1,000,000 of one plugin; the weighted sum of a stack
  bool vetoed = false;
  std::string reason;
  /// What each layer of the stack said; empty for the built-in formula.
  struct Layer {
    std::string name;
    std::uint32_t weight_per_mille = 1000;
    std::int64_t score = 0;
    bool vetoed = false;
    std::string reason;
    friend bool operator==(const Layer&, const Layer&) = default;
  };
  std::vector<Layer> layers = {};
};

}  // namespace causeway::path
