#include "replay/scorer.hpp"

#include <utility>

#include "plugin/builtin.hpp"

namespace causeway::replay {

std::vector<path::Score> BuiltinScorer::score(const Step&, std::vector<path::PathView> paths) {
  return plugin::builtin_score(paths);
}

std::vector<path::Score> HostScorer::score(const Step& step, std::vector<path::PathView> paths) {
  tell_interfaces(step);
  if (stack_.empty()) stack_ = host_.stack_text();
  std::vector<path::Score> scores;
  host_.score_paths({.name = step.peer, .tier = step.tier, .seed = step.seed}, std::move(paths), step.now,
                    [&](plugin::Host::PairRanking ranking) {
                      if (ranking.stack != stack_) ++by_others_;
                      scores = std::move(ranking.scores);
                    });
  return scores;
}

/// A base keeps its number for the life of the recorded daemon.
void HostScorer::tell_interfaces(const Step& step) {
  bool has_news = false;
  for (const Pair& pair : step.pairs) {
    const ice::Candidate& local = pair.view.local;
    if (pair.interface.empty() || local.base == net::BaseId::none) continue;
    const auto [at, is_new] =
        bases_.try_emplace(local.base, plugin::BaseView{local.base, local.base_address, pair.interface});
    has_news |= is_new || at->second.interface != pair.interface;
    at->second.interface = pair.interface;
  }
  if (!has_news) return;
  std::vector<plugin::BaseView> views;
  for (const auto& [base, view] : bases_)
    views.push_back(view);
  host_.set_bases(std::move(views), step.now);
}

}  // namespace causeway::replay
