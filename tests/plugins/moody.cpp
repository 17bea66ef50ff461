// A priority plugin that misbehaves when the peer's name says so; it passes every check.
#include <unistd.h>

#include <stdexcept>

#include "causeway/cpp/plugin.hpp"

namespace {

using namespace causeway_sdk;

class Moody final : public PriorityPlugin {
 public:
  using PriorityPlugin::PriorityPlugin;

  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view> candidates,
                            const cw_mutable_array* ranks) override {
    for (std::uint32_t i = 0; i < candidates.size(); ++i)
      set_rank(ranks, i, 1000 - i);
    return CW_OK;
  }

  cw_status score_pairs(const cw_decision& decision, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    const std::string_view mood = view(decision.peer);
    if (mood == "throw") throw std::runtime_error("bad mood");
    if (mood == "throw-int") throw 42;
    if (mood == "fail") return CW_ERROR_FAILED;
    while (mood == "hang")
      ::pause();
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      ScoreOutput out(scores, i);
      out.score(mood == "range" ? 5'000'000 : 1000 - static_cast<std::int64_t>(pairs.get(i).id));
      if (mood == "veto" || (mood == "veto-first" && i == 0)) out.veto();
      out.reason(mood == "garbage" ? std::string_view("a\xff\nb", 4) : "moody");
      if (mood == "again") out.ask_again_after(200'000'000);
    }
    return CW_OK;
  }
};

}  // namespace

CAUSEWAY_PLUGIN(Moody, "moody", "Moody", "1.0", "Misbehaves on demand");
