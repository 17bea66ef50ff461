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
  std::optional<Duration> rtt;                         ///< smoothed (RFC 6298 SRTT)
  std::optional<Duration> jitter;                      ///< RFC 6298 RTTVAR
  double loss = 0;                                     ///< 0..1 of recent probes
  std::uint32_t probes = 0;                            ///< how many that rests on
  std::uint32_t disconnects = 0;                       ///< times it was lost while in use or warm
  std::optional<std::uint64_t> rate_bytes_per_s = {};  ///< the most that it has carried of late, one way
};

/// What the store remembers of such a path. Counts and times fade with age.
struct History {
  enum class Scope : std::uint8_t {
    same = 1,  ///< local network, peer, types, transport and remote address are this path's
    near = 2,  ///< another remote address of the same block
  };
  Scope scope = Scope::same;
  std::optional<Duration> rtt;
  std::optional<Duration> jitter;
  std::optional<double> loss;  ///< 0..1
  std::optional<std::uint64_t> rate_bytes_per_s;
  double samples = 0;  ///< measurements that rtt, jitter and loss rest on
  double successes = 0, failures = 0;
  double disconnects = 0;
  Duration working_time{};
  Duration last_used_ago{};  ///< max(): it never worked
  friend bool operator==(const History&, const History&) = default;
};

/// The address server's opinion of such paths, from all nodes.
struct Hint {
  std::int64_t score = 0;        ///< 0..1,000,000
  std::uint32_t confidence = 0;  ///< 0..1000
  friend bool operator==(const Hint&, const Hint&) = default;
};

/// An opinion, and the paths that it is of: those between addresses of these blocks. `local` holds our
/// address as the peer or as we ourselves see it.
struct HintFor {
  net::Prefix local;
  net::Prefix remote;
  std::optional<ice::CandidateType> local_type = {};   ///< nullopt: any
  std::optional<ice::CandidateType> remote_type = {};  ///< nullopt: any
  Hint hint;
  friend bool operator==(const HintFor&, const HintFor&) = default;
};
/// Bounded by whoever takes them in; more than these of one peer are of no use.
inline constexpr std::size_t kMostHints = 64;

/// A path as the priority algorithm sees it.
struct PathView {
  std::uint32_t id = 0;  ///< the pair's id within its peer
  ice::Candidate local;
  ice::Candidate remote;
  std::uint64_t pair_priority = 0;
  Measurements measured;
  SteadyTime since{};
  bool is_selected = false;
  std::optional<History> history = {};
  std::optional<Hint> hint = {};
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
