#include "peer/peer_paths.hpp"

#include <algorithm>

namespace causeway::peer {
namespace {

std::uint32_t number(ice::PairId pair) { return static_cast<std::uint32_t>(pair); }

}  // namespace

void PeerPaths::on_validated(ice::PairId pair, SteadyTime now) {
  Entry& entry = entries_[pair];
  if (entry.is_valid) return;
  entry.is_valid = true;
  entry.valid_since = now;
  if (!connected_since_) connected_since_ = now;
}

void PeerPaths::on_invalidated(ice::PairId pair) {
  const auto at = entries_.find(pair);
  if (at == entries_.end() || !at->second.is_valid) return;
  at->second.is_valid = false;
  at->second.stats.on_disconnect();
  if (valid_count() == 0) connected_since_.reset();
}

void PeerPaths::on_measured(ice::PairId pair, Duration rtt) {
  if (const auto at = entries_.find(pair); at != entries_.end()) at->second.stats.on_answer(rtt);
}

void PeerPaths::on_probe_lost(ice::PairId pair) {
  if (const auto at = entries_.find(pair); at != entries_.end()) at->second.stats.on_loss();
}

void PeerPaths::set_scores(const std::vector<path::Score>& scores) {
  for (const path::Score& score : scores) {
    if (const auto at = entries_.find(ice::PairId{score.id}); at != entries_.end()) at->second.score = score;
  }
}

void PeerPaths::clear() { *this = PeerPaths{}; }

path::Selection PeerPaths::reselect(ice::Role role, const ice::Agent& agent, SteadyTime now) {
  std::vector<path::Contender> contenders;
  for (const auto& [pair, entry] : entries_) {
    if (!entry.is_valid) continue;
    const auto view = agent.pair(pair);
    contenders.push_back({.id = number(pair),
                          .pair_priority = view ? view->priority : 0,
                          .score = entry.score.score,
                          .vetoed = entry.score.vetoed,
                          .losses_in_a_row = entry.stats.losses_in_a_row()});
  }
  path::SelectorInput input{.role = role, .contenders = contenders, .selected_since = selected_since_};
  if (selected_) input.selected = number(*selected_);
  if (nominated_) input.nominated = number(*nominated_);
  const path::Selection selection = path::select_path(input, connected_since_, now);
  if (selection.changed) {
    selected_ = selection.path ? std::optional{ice::PairId{*selection.path}} : std::nullopt;
    selected_since_ = now;
    reason_ = selection.reason;
  }
  return selection;
}

std::size_t PeerPaths::valid_count() const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const auto& item) { return item.second.is_valid; }));
}

const PeerPaths::Entry* PeerPaths::find(ice::PairId pair) const {
  const auto at = entries_.find(pair);
  return at == entries_.end() ? nullptr : &at->second;
}

std::vector<path::PathView> PeerPaths::views(const ice::Agent& agent) const {
  std::vector<path::PathView> views;
  for (const auto& [pair, entry] : entries_) {
    const auto view = agent.pair(pair);
    if (!entry.is_valid || !view) continue;
    views.push_back({.id = number(pair),
                     .local = view->local,
                     .remote = view->remote,
                     .pair_priority = view->priority,
                     .measured = entry.stats.measurements(),
                     .since = entry.valid_since,
                     .is_selected = selected_ == pair});
  }
  return views;
}

}  // namespace causeway::peer
