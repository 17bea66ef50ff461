#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "estimate.hpp"

namespace priority_history {

/// What the last minutes of each path were like: between the newest few probes, which the host measures, and
/// the days of the store. Bounded. What it answers depends on the calls alone: the same moment again changes
/// nothing.
class Memory {
 public:
  static constexpr std::size_t kMostPeers = 256;

  /// The pairs of this peer are about to be told; those that are not told any more are forgotten.
  void begin(std::string_view peer, std::int64_t now_ns);
  /// The newest figures of a pair; its recent ones are put into `evidence`.
  void recall(std::uint32_t pair, Evidence& evidence, const Parameters& parameters);
  void end();

  std::string to_text() const;
  static std::optional<Memory> from_text(std::string_view text);
  std::size_t peers() const { return peers_.size(); }

 private:
  struct Pair {
    std::int64_t at_ns = 0;
    std::int64_t counted_ns = 0;                  ///< when there were new probes last
    double probes = 0;                            ///< told of at at_ns, ever
    double samples = 0, losses = 0;               ///< that the store had then
    double recent_probes = 0, recent_losses = 0;  ///< fading
    double rtt_ms = -1, jitter_ms = -1;           ///< smoothed; negative: not known
  };
  struct Peer {
    std::int64_t at_ns = 0;
    std::map<std::uint32_t, Pair> pairs;
  };

  std::map<std::string, Peer, std::less<>> peers_;
  // Of the call under way.
  Peer* peer_ = nullptr;
  std::map<std::uint32_t, Pair> told_;
};

}  // namespace priority_history
