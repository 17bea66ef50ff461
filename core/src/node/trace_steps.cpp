#include "node/trace_steps.hpp"

#include <algorithm>
#include <span>

namespace causeway::node {
namespace {

bool is_among(std::uint32_t id, std::span<const std::uint32_t> ids) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// As plugins see it: of NICs only.
std::string interface_of(const path::PathView& view, const peer::LocalBases& bases) {
  const auto base = bases.find(view.local.base);
  return base == bases.end() || base->second.relay ? "" : base->second.interface;
}

std::vector<replay::Pair> pairs_of(std::span<const path::PathView> paths, std::span<const std::uint32_t> dead,
                                   const peer::LocalBases& bases) {
  std::vector<replay::Pair> pairs;
  for (const path::PathView& view : paths) {
    replay::Pair& pair = pairs.emplace_back();
    pair.view = view;
    pair.interface = interface_of(view, bases);
    pair.is_dead = is_among(view.id, dead);
  }
  std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.view.id < b.view.id; });
  return pairs;
}

void add_contenders(std::vector<replay::Pair>& pairs, const peer::PathChoice& choice) {
  for (replay::Pair& pair : pairs) {
    pair.is_warm = choice.gone != pair.view.id;
    for (const path::Contender& contender : choice.input.contenders) {
      if (contender.id != pair.view.id) continue;
      pair.view.pair_priority = contender.pair_priority;
      pair.losses_in_a_row = contender.losses_in_a_row;
      pair.not_before = contender.not_before;
      pair.peer_place = contender.peer_place;
      pair.peer_vetoed = contender.peer_vetoed;
      pair.peer_withdrew = contender.peer_withdrew;
      if (choice.kind != peer::PathChoice::Kind::stands) continue;
      pair.score = contender.score;
      pair.vetoed = contender.vetoed;
    }
  }
}

replay::StepKind kind_of(peer::PathChoice::Kind kind) {
  switch (kind) {
    case peer::PathChoice::Kind::stands:
      return replay::StepKind::begin;
    case peer::PathChoice::Kind::scored:
      return replay::StepKind::scored;
    case peer::PathChoice::Kind::chosen:
      return replay::StepKind::choose;
    case peer::PathChoice::Kind::ended:
      break;
  }
  return replay::StepKind::end;
}

}  // namespace

replay::Step trace_step(const ScorePeerPaths& asked, Now now, std::uint64_t seed,
                        const peer::LocalBases& bases) {
  replay::Step step;
  step.kind = replay::StepKind::score;
  step.now = now;
  step.seed = seed;
  step.peer = asked.name;
  step.tier = asked.tier;
  step.pairs = pairs_of(asked.paths, asked.dead, bases);
  return step;
}

replay::Step trace_step(const TellChoice& told, const peer::LocalBases& bases) {
  const peer::PathChoice& choice = *told.choice;
  replay::Step step;
  step.kind = kind_of(choice.kind);
  step.now = choice.now;
  step.peer = told.peer;
  step.scored_by = choice.stack;
  step.role = choice.input.role;
  step.nominated = choice.input.nominated;
  step.connected_since = choice.input.connected_since;
  step.is_watched = choice.input.is_watched;
  step.pairs = pairs_of(choice.paths, choice.input.dead, bases);
  add_contenders(step.pairs, choice);
  if (step.kind == replay::StepKind::begin) step.standing = choice.standing;
  if (step.kind == replay::StepKind::choose) step.chosen = {choice.selection.path, choice.selection.reason};
  return step;
}

}  // namespace causeway::node
