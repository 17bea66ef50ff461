// priority-history: paths by what they are expected to cost, from measurement, history and hints (README.md).
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "causeway/cpp/plugin.hpp"
#include "estimate.hpp"
#include "memory.hpp"

namespace priority_history {
namespace {

using namespace causeway_sdk;

/// While there is a choice, figures are looked at so often.
constexpr std::int64_t kAskAgainNs = 1'000'000'000;

std::string sources_of(const Evidence& evidence) {
  const Evidence::Live& live = evidence.live;
  std::string text;
  char part[64];
  if (live.rtt_ms) {
    std::snprintf(part, sizeof part, "%.0f probe%s", live.probes, live.probes == 1 ? "" : "s");
    text = part;
  }
  if (evidence.past && evidence.past->samples >= 1) {
    std::snprintf(part, sizeof part, "%s%.0f remembered%s", text.empty() ? "" : ", ", evidence.past->samples,
                  evidence.past->is_near ? " of one alike" : "");
    text += part;
  }
  return text;
}

std::string reason_of(const Evidence& evidence, const Estimate& estimate, std::size_t place) {
  char text[160];
  if (!estimate.is_known) {
    std::snprintf(text, sizeof text, "nothing measured or remembered, place %zu by ICE", place + 1);
    return text;
  }
  std::snprintf(text, sizeof text, "about %.0f ms: round trip %.1f ms, jitter %.1f ms, loss %.1f %% (%s)",
                estimate.cost_ms, estimate.rtt_ms, estimate.jitter_ms, 100 * estimate.loss,
                sources_of(evidence).c_str());
  return text;
}

class PriorityHistory final : public WithState<PriorityPlugin, 1> {
 public:
  using WithState::WithState;

  /// Before anything was measured ICE's formula is as good as any, and the core has it.
  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view>, const cw_mutable_array*) override {
    return CW_ERROR_NOT_SUPPORTED;
  }

  cw_status score_pairs(const cw_decision& decision, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    const Parameters& parameters = parameters_of(view(decision.configuration));
    std::vector<std::uint64_t> priorities;
    for (std::uint32_t i = 0; i < pairs.size(); ++i)
      priorities.push_back(pairs.get(i).pair_priority);
    const auto places = ice_places(priorities);

    std::vector<Evidence> evidence;
    std::vector<Estimate> estimates;
    memory_.begin(view(decision.peer), decision.now.steady_ns);
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      const cw_pair_view pair = pairs.get(i);
      evidence.push_back(evidence_of(pair));
      memory_.recall(pair.id, evidence.back(), parameters);
      estimates.push_back(estimate(evidence.back(), places[i], parameters));
    }
    memory_.end();
    const bool is_blind =
        std::none_of(estimates.begin(), estimates.end(), [](const Estimate& e) { return e.is_known; });
    const std::size_t distinct = places.empty() ? 1 : *std::max_element(places.begin(), places.end()) + 1;
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      ScoreOutput out(scores, i);
      // Nothing to go by: ICE's order, spread so that it counts.
      out.score(is_blind ? CW_MAX_SCORE * static_cast<std::int64_t>(distinct - places[i]) /
                               static_cast<std::int64_t>(distinct)
                         : score_of(estimates[i].cost_ms, parameters));
      out.reason(reason_of(evidence[i], estimates[i], places[i]));
      if (pairs.size() > 1) out.ask_again_after(kAskAgainNs);
    }
    return CW_OK;
  }

  std::string export_state() const override { return memory_.to_text(); }
  cw_status import_state(std::uint32_t schema, std::string_view bytes) override {
    if (schema != 1) return CW_ERROR_NOT_SUPPORTED;
    auto memory = Memory::from_text(bytes);
    if (!memory) return CW_ERROR_INVALID_ARGUMENT;
    memory_ = std::move(*memory);
    return CW_OK;
  }

 private:
  const Parameters& parameters_of(std::string_view configuration) {
    if (configuration != configuration_) {
      const ParsedParameters parsed = parse_parameters(configuration);
      for (const std::string& complaint : parsed.complaints)
        host().log(CW_LOG_WARNING, complaint);
      parameters_ = parsed.parameters;
      configuration_ = configuration;
    }
    return parameters_;
  }

  std::string configuration_;  ///< what parameters_ were read from
  Parameters parameters_;
  Memory memory_;
};

}  // namespace
}  // namespace priority_history

CAUSEWAY_PLUGIN(priority_history::PriorityHistory, "priority-history", "Expected cost", "1.0.0",
                "Ranks pairs by what they are expected to cost: measurement, history, hints");
