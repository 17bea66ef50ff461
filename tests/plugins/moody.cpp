// A priority plugin that misbehaves when the peer's name says so; it passes every check.
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "causeway/cpp/plugin.hpp"

namespace {

using namespace causeway_sdk;

/// What the host lets a plugin know, in words.
std::string shown(const cw_decision& decision, const cw_pair_view& pair) {
  std::string text = "tier " + std::to_string(decision.friend_tier);
  text += " configuration " + std::string(view(decision.configuration));
  text += pair.history == nullptr
              ? " no history"
              : " history " + std::to_string(pair.history->rtt_ns) + " " +
                    std::to_string(pair.history->jitter_ns) + " " + std::to_string(pair.history->loss_ppm) +
                    " known " + std::to_string(pair.history->known) + " scope " +
                    std::to_string(pair.history->scope);
  text += pair.hint == nullptr ? " no hint" : " hint " + std::to_string(pair.hint->score);
  return text;
}

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
      if (mood == "interface") {
        out.reason(view(read(pairs.get(i).local).interface_name));
        continue;
      }
      out.reason(mood == "garbage" ? std::string_view("a\xff\nb", 4) : "moody");
      if (mood == "show") out.reason(shown(decision, pairs.get(i)));
      if (mood == "again") out.ask_again_after(200'000'000);
    }
    return CW_OK;
  }
};

}  // namespace

CAUSEWAY_PLUGIN(Moody, "moody", "Moody", "1.0", "Misbehaves on demand");
