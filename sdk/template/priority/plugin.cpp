// template-plugin: ranks the pairs of a peer by their round-trip time.
#include <causeway/cpp/plugin.hpp>

#include <algorithm>
#include <cstdio>

namespace {

using namespace causeway_sdk;

constexpr std::int64_t kMillisecond = 1'000'000;

class TemplatePlugin final : public PriorityPlugin {
 public:
  using PriorityPlugin::PriorityPlugin;

  /// Which of our own addresses peers try first. Left to the next plugin of the stack, or to ICE's formula.
  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view>, const cw_mutable_array*) override {
    return CW_ERROR_NOT_SUPPORTED;
  }

  /// A score from 0 to CW_MAX_SCORE for each pair that works. Depends on the arguments alone: the host asks
  /// twice when it checks, and replays recorded traffic.
  cw_status score_pairs(const cw_decision&, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      const cw_pair_view pair = pairs.get(i);
      const cw_statistics measured = read(pair.statistics);  // all zero if nothing is known
      ScoreOutput out(scores, i);
      if ((measured.known & CW_KNOWN_RTT) == 0) {
        out.score(CW_MAX_SCORE / 2);
        out.reason("not measured yet");
        continue;
      }
      // 10 ms are 990,000 points; from a second on there is nothing left.
      const std::int64_t ms = measured.rtt_ns / kMillisecond;
      out.score(std::max<std::int64_t>(0, CW_MAX_SCORE - ms * 1000));
      char text[64];
      std::snprintf(text, sizeof text, "%lld ms there and back", static_cast<long long>(ms));
      out.reason(text);
    }
    return CW_OK;
  }
};

}  // namespace

CAUSEWAY_PLUGIN(TemplatePlugin, "template-plugin", "Lowest round-trip time", "0.1.0",
                "Prefers what answers soonest");
