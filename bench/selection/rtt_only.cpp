// The baseline that everybody would write first: the shorter round trip is the better path, and nothing else
// matters.
#include "causeway/cpp/plugin.hpp"

namespace {

using namespace causeway_sdk;

/// A round trip of this many milliseconds has half of the most points.
constexpr double kHalfMs = 100;

class RttOnly final : public PriorityPlugin {
 public:
  using PriorityPlugin::PriorityPlugin;

  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view>, const cw_mutable_array*) override {
    return CW_ERROR_NOT_SUPPORTED;
  }

  cw_status score_pairs(const cw_decision&, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      const cw_statistics statistics = read(pairs.get(i).statistics);
      const bool is_known = (statistics.known & CW_KNOWN_RTT) != 0 && statistics.rtt_ns > 0;
      const double rtt_ms = static_cast<double>(statistics.rtt_ns) / 1e6;
      ScoreOutput out(scores, i);
      out.score(is_known ? static_cast<std::int64_t>(CW_MAX_SCORE * kHalfMs / (kHalfMs + rtt_ms)) : 0);
      out.reason(is_known ? "round trip alone" : "round trip unknown");
    }
    return CW_OK;
  }
};

}  // namespace

CAUSEWAY_PLUGIN(RttOnly, "rtt-only", "Round trip alone", "1.0.0",
                "A baseline for comparisons: ranks pairs by their measured round trip");
