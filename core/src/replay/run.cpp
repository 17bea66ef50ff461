#include "replay/run.hpp"

#include <algorithm>
#include <chrono>

namespace causeway::replay {
namespace {

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

const Pair* find(const Step& step, std::optional<std::uint32_t> id) {
  const auto at = std::find_if(step.pairs.begin(), step.pairs.end(),
                               [id](const Pair& pair) { return id == pair.view.id; });
  return at == step.pairs.end() ? nullptr : &*at;
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  time += other.time;
  cost += other.cost;
  best += other.best;
  switches += other.switches;
  without_data += other.without_data;
  return *this;
}

void Run::on_step(const Step& step) {
  Totals& totals = totals_[step.peer];
  const auto [at, is_new] = peers_.try_emplace(step.peer);
  Followed& peer = at->second;
  if (is_new) peer.counted_until = step.now.steady;
  count(peer, totals, step.now.steady);
  switch (step.kind) {
    case StepKind::second:
      peer.prices = price(step);
      take(peer, ask(peer, step));
      choose(peer, step);
      break;
    case StepKind::begin:
      begin(peer, step);
      break;
    case StepKind::score:
      peer.prices = price(step);
      peer.answer = ask(peer, step);
      break;
    case StepKind::scored:
      if (peer.answer) take(peer, *peer.answer);
      peer.answer.reset();
      break;
    case StepKind::choose:
      peer.prices = price(step);
      choose(peer, step);
      break;
    case StepKind::end:
      peers_.erase(at);
      break;
  }
}

void Run::finish(Duration last_step) {
  for (auto& [name, peer] : peers_)
    count(peer, totals_[name], peer.counted_until + last_step);
}

/// What stood since the step before. Steps that a queue has put out of order by a moment cost nothing.
void Run::count(Followed& peer, Totals& totals, SteadyTime until) const {
  if (until <= peer.counted_until) return;
  const Duration time = until - peer.counted_until;
  peer.counted_until = until;
  const Priced* selected = replay::find(peer.prices, scorer_ ? peer.chooser.selected() : peer.followed);
  const bool has_data = selected && selected->is_valid;
  totals.time += time;
  totals.cost += seconds(time) * (has_data ? selected->cost : kNoDataCost);
  totals.best += seconds(time) * best_cost(peer.prices);
  if (!has_data) totals.without_data += time;
}

void Run::begin(Followed& peer, const Step& step) const {
  peer = Followed{.chooser = {},
                  .scores = {},
                  .answer = {},
                  .connected_since = step.connected_since,
                  .prices = price(step),
                  .counted_until = peer.counted_until,
                  .followed = step.standing.selected,
                  .last = step.standing.selected};
  peer.chooser.restore(step.standing);
  for (const Pair& pair : step.pairs) {
    path::Score& score = peer.scores[pair.view.id];
    score.score = pair.score;
    score.vetoed = pair.vetoed;
  }
}

std::vector<path::Score> Run::ask(const Followed& peer, const Step& step) const {
  std::vector<path::PathView> views;
  for (const Pair& pair : step.pairs) {
    if (!pair.is_warm) continue;
    views.push_back(pair.view);
    views.back().is_selected = peer.chooser.selected() == pair.view.id;
  }
  if (!scorer_ || views.empty()) return {};
  return scorer_->score(step, std::move(views));
}

void Run::take(Followed& peer, const std::vector<path::Score>& scores) const {
  for (const path::Score& score : scores)
    peer.scores[score.id] = score;
}

void Run::choose(Followed& peer, const Step& step) {
  if (!scorer_) return follow(peer, step);
  path::PathChooser::Input input{.role = step.role,
                                 .contenders = {},
                                 .dead = {},
                                 .nominated = step.nominated,
                                 .connected_since = step.connected_since,
                                 .is_watched = step.is_watched};
  bool has_warm = false;
  for (const Pair& pair : step.pairs) {
    has_warm |= pair.is_warm;
    if (pair.is_dead) input.dead.push_back(pair.view.id);
    if (!pair.is_warm || pair.is_dead) continue;
    const auto scored = peer.scores.find(pair.view.id);
    input.contenders.push_back({.id = pair.view.id,
                                .pair_priority = pair.view.pair_priority,
                                .score = scored == peer.scores.end() ? 0 : scored->second.score,
                                .vetoed = scored != peer.scores.end() && scored->second.vetoed,
                                .losses_in_a_row = pair.losses_in_a_row,
                                .own_place = 0,
                                .peer_place = pair.peer_place,
                                .peer_vetoed = pair.peer_vetoed,
                                .not_before = pair.not_before,
                                .peer_withdrew = pair.peer_withdrew});
  }
  if (step.kind == StepKind::second && !step.connected_since) {
    if (!has_warm) peer.connected_since.reset();
    if (has_warm && !peer.connected_since) peer.connected_since = step.now.steady;
    input.connected_since = peer.connected_since;
  }
  const path::Selection selection = peer.chooser.choose(std::move(input), step.now.steady);
  if (selection.changed) on_changed(peer, step, selection.path, selection.reason);
  if (!step.chosen) return;
  ++comparison_.compared;
  if (step.chosen->path == peer.chooser.selected()) {
    ++comparison_.equal;
  } else if (!comparison_.first_difference) {
    comparison_.first_difference = {step.now, step.peer, step.chosen->path, peer.chooser.selected()};
  }
}

void Run::follow(Followed& peer, const Step& step) {
  if (!step.chosen || step.chosen->path == peer.followed) return;
  peer.followed = step.chosen->path;
  on_changed(peer, step, peer.followed, step.chosen->reason);
}

void Run::on_changed(Followed& peer, const Step& step, std::optional<std::uint32_t> path,
                     path::SwitchReason reason) {
  if (path && peer.last && path != peer.last) {
    Totals& totals = totals_[step.peer];
    ++totals.switches;
    totals.cost += kSwitchCost;
  }
  if (path) peer.last = path;
  if (choices_.size() >= kMostChoices) {
    ++left_out_;
    return;
  }
  Choice choice{.at = step.now,
                .peer = step.peer,
                .path = path,
                .local = {},
                .remote = {},
                .reason = reason,
                .score = 0,
                .why = {}};
  if (const Pair* pair = find(step, path)) {
    choice.local = pair->view.local;
    choice.remote = pair->view.remote;
  }
  if (const auto scored = path ? peer.scores.find(*path) : peer.scores.end(); scored != peer.scores.end()) {
    choice.score = scored->second.score;
    choice.why = scored->second.reason;
  }
  choices_.push_back(std::move(choice));
}

Totals Run::totals() const {
  Totals all;
  for (const auto& [name, totals] : totals_)
    all += totals;
  return all;
}

std::optional<std::uint32_t> Run::selected(const std::string& peer) const {
  const auto at = peers_.find(peer);
  if (at == peers_.end()) return std::nullopt;
  return scorer_ ? at->second.chooser.selected() : at->second.followed;
}

}  // namespace causeway::replay
