// What PathControl does in its own time:
//   the watch      over the path in use: probes of a trial, and its verdicts
//   MTU searches   one path of a peer at a time
//   revivals       of paths that are dead for data
//   losses         probes that nobody answered
#include <algorithm>
#include <utility>

#include "peer/path_control.hpp"

namespace causeway::peer {
namespace {

/// A probe that is not answered by then is lost.
constexpr Duration kProbeLost = 3s;
constexpr std::size_t kMostOutstanding = 512;
/// Dead paths: while another one carries the data, and while none does.
constexpr Duration kReviveEvery = 900ms, kReviveSoon = 250ms;
/// A path must answer so many in a row before it may carry data again.
constexpr unsigned kRevivalAnswers = 2;
constexpr Duration kLeastMtuWait = 120ms, kMostMtuWait = 1s, kUnknownMtuWait = 400ms;

std::uint32_t number(ice::PairId pair) { return static_cast<std::uint32_t>(pair); }

Duration mtu_wait(const path::Measurements& measured) {
  if (!measured.rtt) return kUnknownMtuWait;
  const Duration jitter = measured.jitter.value_or(*measured.rtt / 2);
  return std::clamp<Duration>(*measured.rtt + 4 * jitter + 50ms, kLeastMtuWait, kMostMtuWait);
}

}  // namespace

// ---- probes of ours ----

void PathControl::send_probe(ice::PairId pair, std::uint16_t ip_bytes, Purpose purpose, SteadyTime now) {
  const PeerPaths::Entry* entry = std::as_const(paths_).find(pair);
  if (!entry || !entry->is_valid) return;
  const std::uint64_t id = random_.next_u64();
  const std::size_t plaintext = path::plaintext_for(ip_bytes, entry->remote);
  sent_[id] = {pair, static_cast<std::uint16_t>(path::ip_bytes_of(plaintext, entry->remote)), purpose, now};
  sent_in_order_.push_back(id);
  ++counters_.probes_sent;
  messages_.push_back({pair, path::encode(path::Probe{id}, plaintext)});
}

void PathControl::forget_probes(SteadyTime now) {
  while (!sent_in_order_.empty()) {
    const auto at = sent_.find(sent_in_order_.front());
    if (at != sent_.end()) {
      if (now - at->second.at < kProbeLost && sent_.size() <= kMostOutstanding) return;
      PeerPaths::Entry* entry = paths_.find(at->second.pair);
      if (entry && at->second.purpose == Purpose::watch) entry->stats.on_data_loss();
      sent_.erase(at);
    }
    sent_in_order_.pop_front();
  }
}

// ---- time ----

void PathControl::on_timeout(const path::PathWatch::Traffic& traffic, SteadyTime now) {
  if (!is_enabled_) return;
  forget_probes(now);
  run_watch(traffic, now);
  search_mtu(now);
  revive(now);
}

std::vector<path::PathWatch::PathId> PathControl::others() const {
  std::vector<std::pair<ice::PairId, const PeerPaths::Entry*>> usable;
  for (const auto& [pair, entry] : std::as_const(paths_).entries()) {
    if (entry.is_valid && !entry.is_dead && pair != paths_.selected()) usable.emplace_back(pair, &entry);
  }
  std::stable_sort(usable.begin(), usable.end(), [](const auto& a, const auto& b) {
    const bool a_is_suspect = a.second->stats.losses_in_a_row() > 0;
    const bool b_is_suspect = b.second->stats.losses_in_a_row() > 0;
    if (a_is_suspect != b_is_suspect) return b_is_suspect;
    if (a.second->score.vetoed != b.second->score.vetoed) return b.second->score.vetoed;
    return a.second->score.score > b.second->score.score;
  });
  std::vector<path::PathWatch::PathId> ids;
  for (const auto& [pair, entry] : usable)
    ids.push_back(number(pair));
  return ids;
}

void PathControl::run_watch(const path::PathWatch::Traffic& traffic, SteadyTime now) {
  const auto selected = paths_.selected();
  PeerPaths::Entry* entry = selected ? paths_.find(*selected) : nullptr;
  // Who never answered a probe may be unable to.
  const bool can_watch = entry && entry->mtu.is_proven();
  watch_.watch(can_watch ? std::optional{number(*selected)} : std::nullopt,
               can_watch && entry->mtu.mtu() > path::PathMtu::kBase, now);
  paths_.set_watched(can_watch);
  if (!can_watch) return;
  watch_.set_others(others());
  const path::Measurements& measured = entry->stats.measurements();
  watch_.set_timing({measured.rtt, measured.jitter});
  watch_.on_traffic(traffic, now);
  const path::PathWatch::Verdict verdict = watch_.on_timeout(now);
  while (const auto wish = watch_.poll_probe()) {
    const PeerPaths::Entry* of = std::as_const(paths_).find(ice::PairId{wish->path});
    if (!of) continue;
    const std::uint16_t mtu = of->mtu.mtu();
    const bool is_small = wish->size == path::PathWatch::Size::small;
    send_probe(ice::PairId{wish->path}, is_small ? std::min(mtu, path::PathMtu::kBase) : mtu, Purpose::watch,
               now);
  }
  switch (verdict) {
    case path::PathWatch::Verdict::none:
      break;
    case path::PathWatch::Verdict::size_lost:
      if (!entry->mtu.is_searching()) ++counters_.sizes_lost;
      entry->mtu.suspect(now);
      break;
    case path::PathWatch::Verdict::dead:
      ++counters_.paths_lost;
      paths_.on_data_lost(*selected, now);
      watch_.watch(std::nullopt, false, now);
      has_changed_ = true;
      break;
    case path::PathWatch::Verdict::all_dead:
      for (auto& [pair, other] : paths_.entries()) {
        if (!other.is_valid || other.is_dead || !other.mtu.is_proven()) continue;
        ++counters_.paths_lost;
        paths_.on_data_lost(pair, now);
      }
      watch_.watch(std::nullopt, false, now);
      has_changed_ = true;
      break;
  }
}

/// One search at a time, the selected path's first: a volley is some 15 KB.
void PathControl::search_mtu(SteadyTime now) {
  const auto selected = paths_.selected();
  if (PeerPaths::Entry* entry = selected ? paths_.find(*selected) : nullptr) {
    if (search_mtu_of(*selected, *entry, now)) return;
  }
  for (auto& [pair, entry] : paths_.entries()) {
    if (entry.is_valid && pair != selected && search_mtu_of(pair, entry, now)) return;
  }
}

/// Of those that search_mtu() comes to.
std::optional<SteadyTime> PathControl::next_search() const {
  std::optional<SteadyTime> next;
  const auto add = [&](const PeerPaths::Entry& entry) {
    const auto time = entry.mtu.next_timeout();
    if (time && (!next || *time < *next)) next = time;
    return entry.mtu.is_searching();
  };
  const auto selected = paths_.selected();
  const PeerPaths::Entry* first = selected ? std::as_const(paths_).find(*selected) : nullptr;
  if (first && add(*first)) return next;
  for (const auto& [pair, entry] : std::as_const(paths_).entries()) {
    if (entry.is_valid && pair != selected && add(entry)) return next;
  }
  return next;
}

bool PathControl::search_mtu_of(ice::PairId pair, PeerPaths::Entry& entry, SteadyTime now) {
  bool changed = false;
  for (const std::uint16_t size : entry.mtu.due(mtu_wait(entry.stats.measurements()), now, &changed))
    send_probe(pair, size, Purpose::mtu, now);
  if (changed && pair == paths_.selected()) {
    watch_.on_size_changed(now);
    has_changed_ = true;
  }
  return entry.mtu.is_searching();
}

/// Dead paths are asked with what they would carry, and with what every path should carry.
/// What the peer says of its pairs may mean that it moved to where a dead path leads.
void PathControl::revive_soon(SteadyTime now) {
  for (auto& [pair, revival] : revivals_)
    revival.next = std::min(revival.next, std::max(now, revival.asked + kReviveSoon));
}

void PathControl::revive(SteadyTime now) {
  for (const auto& [pair, entry] : std::as_const(paths_).entries()) {
    if (!entry.is_valid || !entry.is_dead) {
      revivals_.erase(pair);
      continue;
    }
    Revival& revival = revivals_[pair];
    if (now < revival.next) continue;
    if (std::exchange(revival.awaits, true)) revival.answered = 0;
    revival.asked = now;
    revival.next = now + (is_in_need() ? kReviveSoon : kReviveEvery);
    const std::uint16_t mtu = entry.mtu.mtu();
    const bool is_small = revival.sent++ % 2 == 1;
    send_probe(pair, is_small ? std::min(mtu, path::PathMtu::kBase) : mtu, Purpose::revival, now);
  }
}

void PathControl::on_revival_answer(ice::PairId pair, PeerPaths::Entry& entry, std::uint16_t ip_bytes,
                                    SteadyTime now) {
  const auto at = revivals_.find(pair);
  if (at == revivals_.end()) return;
  Revival& revival = at->second;
  revival.awaits = false;
  ++revival.answered;
  if (!is_in_need() && revival.answered < kRevivalAnswers) return;
  entry.is_dead = false;
  revivals_.erase(at);
  if (ip_bytes < entry.mtu.mtu()) entry.mtu.suspect(now);
  has_changed_ = true;
}

std::optional<SteadyTime> PathControl::next_timeout() const {
  if (!is_enabled_) return std::nullopt;
  std::optional<SteadyTime> next = watch_.next_timeout();
  const auto at = [&](std::optional<SteadyTime> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  at(next_search());
  for (const auto& [pair, entry] : std::as_const(paths_).entries()) {
    if (!entry.is_valid || !entry.is_dead) continue;
    const auto revival = revivals_.find(pair);
    at(revival == revivals_.end() ? SteadyTime{} : revival->second.next);
  }
  return next;
}

}  // namespace causeway::peer
