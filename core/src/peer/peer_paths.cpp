#include "peer/peer_paths.hpp"

#include <algorithm>
#include <utility>

namespace causeway::peer {
namespace {

std::uint32_t number(ice::PairId pair) { return static_cast<std::uint32_t>(pair); }

/// Deaths longer ago do not count against a path.
constexpr Duration kDeathsForgotten = std::chrono::minutes(5);
/// So long after its second death a path does not take over from one that works; twice as long after each
/// further.
constexpr Duration kRehabilitation = 15s;
constexpr unsigned kMostDoublings = 4;

}  // namespace

void PeerPaths::on_validated(const ice::PairView& pair, std::uint16_t nic_mtu, SteadyTime now) {
  const auto [at, is_new] = entries_.try_emplace(pair.id);
  Entry& entry = at->second;
  if (entry.is_valid) return;
  if (is_new) entry.mtu = path::PathMtu(nic_mtu);
  entry.base = pair.local.base;
  entry.remote = pair.remote.address;
  entry.is_dead = false;
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

void PeerPaths::on_data_lost(ice::PairId pair, SteadyTime now) {
  Entry* entry = find(pair);
  if (!entry || entry->is_dead) return;
  entry->is_dead = true;
  entry->deaths = now - entry->died_at < kDeathsForgotten ? entry->deaths + 1 : 1;
  entry->died_at = now;
  entry->stats.on_disconnect();
}

std::vector<std::uint32_t> PeerPaths::dead() const {
  std::vector<std::uint32_t> dead;
  for (const auto& [pair, entry] : entries_)
    if (entry.is_dead) dead.push_back(number(pair));
  return dead;
}

path::PathChooser::Input PeerPaths::choice(ice::Role role, const ice::Agent& agent, SteadyTime now) const {
  path::PathChooser::Input input{.role = role,
                                 .contenders = {},
                                 .dead = dead(),
                                 .nominated = {},
                                 .connected_since = connected_since_,
                                 .is_watched = is_watched_};
  if (nominated_) input.nominated = number(*nominated_);
  const auto named = named_pairs(agent);
  const auto peer_places = opinion_.places(named, now);
  for (const auto& [pair, entry] : entries_) {
    if (!entry.is_valid || entry.is_dead) continue;
    const auto view = agent.pair(pair);
    path::Contender& contender =
        input.contenders.emplace_back(path::Contender{.id = number(pair),
                                                      .pair_priority = view ? view->priority : 0,
                                                      .score = entry.score.score,
                                                      .vetoed = entry.score.vetoed,
                                                      .losses_in_a_row = entry.stats.losses_in_a_row()});
    if (entry.deaths >= 2 && now - entry.died_at < kDeathsForgotten) {
      contender.not_before =
          entry.died_at + kRehabilitation * (1 << std::min(entry.deaths - 2, kMostDoublings));
    }
    contender.peer_withdrew = std::any_of(named.begin(), named.end(), [&](const auto& our) {
      return our.id == contender.id && opinion_.has_withdrawn(our);
    });
    if (const auto at = peer_places.find(contender.id); at != peer_places.end()) {
      contender.peer_place = at->second.place;
      contender.peer_vetoed = at->second.vetoed;
    }
  }
  return input;
}

path::Selection PeerPaths::choose(path::PathChooser::Input input, SteadyTime now) {
  return chooser_.choose(std::move(input), now);
}

std::size_t PeerPaths::valid_count() const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const auto& item) { return item.second.is_valid; }));
}

const PeerPaths::Entry* PeerPaths::find(ice::PairId pair) const {
  const auto at = entries_.find(pair);
  return at == entries_.end() ? nullptr : &at->second;
}

PeerPaths::Entry* PeerPaths::find(ice::PairId pair) {
  return const_cast<Entry*>(std::as_const(*this).find(pair));
}

std::optional<ice::PairId> PeerPaths::find(net::BaseId base, const net::Endpoint& remote) const {
  for (const auto& [pair, entry] : entries_) {
    if (entry.is_valid && entry.base == base && entry.remote == remote) return pair;
  }
  return std::nullopt;
}

std::vector<path::PeerOpinion::OurPair> PeerPaths::named_pairs(const ice::Agent& agent) const {
  std::vector<path::PeerOpinion::OurPair> pairs;
  for (const auto& [pair, entry] : entries_) {
    const auto view = entry.is_valid ? agent.pair(pair) : std::nullopt;
    if (view) pairs.push_back({number(pair), view->local.address, view->remote.address});
  }
  return pairs;
}

std::vector<path::OrderedPair> PeerPaths::order_to_tell(const ice::Agent& agent) const {
  std::vector<path::OrderedPair> pairs;
  const auto add = [&](ice::PairId pair, bool vetoed) {
    const auto view = agent.pair(pair);
    if (!view || pairs.size() >= path::kMostOrderedPairs) return;
    if (view->local.address.address.family() != view->remote.address.address.family()) return;
    pairs.push_back({view->local.address, view->remote.address, vetoed});
  };
  for (const std::uint32_t id : own_order().ids()) {
    const Entry* entry = find(ice::PairId{id});
    add(ice::PairId{id}, entry && entry->score.vetoed);
  }
  for (const auto& [pair, entry] : entries_) {
    if (entry.is_valid && entry.is_dead) add(pair, true);
  }
  return pairs;
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
                     .is_selected = selected() == pair});
  }
  return views;
}

}  // namespace causeway::peer
