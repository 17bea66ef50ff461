#include "peer/path_control.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/overloaded.hpp"

namespace causeway::peer {
namespace {

/// Answers to one peer: more than any honest one asks for.
constexpr double kAnswersPerSecond = 400, kAnswersAtOnce = 150;
/// A probe that is not answered by then is lost.
constexpr Duration kProbeLost = 3s;
constexpr std::size_t kMostOutstanding = 512;
/// Dead paths: while another one carries the data, and while none does.
constexpr Duration kReviveEvery = 900ms, kReviveSoon = 250ms;
/// A path must answer so many in a row before it may carry data again.
constexpr unsigned kRevivalAnswers = 2;
/// An order is told again so long after each time it was told; the last one for good.
constexpr std::array<Duration, 4> kTellAgain{300ms, 1s, 5s, 20s};
constexpr Duration kLeastMtuWait = 120ms, kMostMtuWait = 1s, kUnknownMtuWait = 400ms;

std::uint32_t number(ice::PairId pair) { return static_cast<std::uint32_t>(pair); }

Duration mtu_wait(const path::Measurements& measured) {
  if (!measured.rtt) return kUnknownMtuWait;
  const Duration jitter = measured.jitter.value_or(*measured.rtt / 2);
  return std::clamp<Duration>(*measured.rtt + 4 * jitter + 50ms, kLeastMtuWait, kMostMtuWait);
}

}  // namespace

PathControl::PathControl(PeerPaths& paths, RandomSource& random)
    : paths_(paths),
      random_(random),
      answer_budget_(kAnswersAtOnce),
      order_number_(static_cast<std::uint32_t>(random.next_u64())) {}

void PathControl::set_enabled(bool enabled, SteadyTime now) {
  if (enabled == is_enabled_) return;
  is_enabled_ = enabled;
  paths_.set_watched(false);
  watch_.watch(std::nullopt, false, now);
  revivals_.clear();
  told_.clear();
  tell_at_.reset();
  for (auto& [pair, entry] : paths_.entries()) {
    has_changed_ |= std::exchange(entry.is_dead, false);
    if (enabled && entry.is_valid) entry.mtu.search(now);
  }
  has_changed_ |= enabled;
}

void PathControl::on_new_keypair(SteadyTime now) {
  told_.clear();
  for (auto& [pair, revival] : revivals_)
    revival.next = now;
}

void PathControl::on_validated(ice::PairId pair, SteadyTime now) {
  revivals_.erase(pair);
  PeerPaths::Entry* entry = paths_.find(pair);
  if (is_enabled_ && entry) entry->mtu.search(now);
}

void PathControl::on_check_lost(ice::PairId pair, SteadyTime now) {
  const PeerPaths::Entry* entry = std::as_const(paths_).find(pair);
  if (entry && pair == paths_.selected() && entry->stats.losses_in_a_row() >= path::kSuspectLosses)
    watch_.on_doubt(now);
}

void PathControl::on_size_refused(net::BaseId base, const net::Endpoint& remote, SteadyTime now) {
  const auto pair = paths_.find(base, remote);
  PeerPaths::Entry* entry = pair ? paths_.find(*pair) : nullptr;
  if (!is_enabled_ || !entry) return;
  ++counters_.sizes_lost;
  entry->mtu.suspect(now);
}

void PathControl::clear() {
  watch_ = {};
  sent_.clear();
  sent_in_order_.clear();
  revivals_.clear();
  told_.clear();
  tell_at_.reset();
  messages_.clear();
  is_enabled_ = has_changed_ = false;
}

// ---- messages of the peer ----

void PathControl::on_message(ByteView beginning, std::size_t plaintext_bytes, net::BaseId base,
                             const net::Endpoint& from, SteadyTime now) {
  auto message = path::parse_path_message(beginning);
  if (!message) {
    ++counters_.malformed;
    return;
  }
  std::visit(Overloaded{
                 [&](const path::Probe& probe) { on_probe(probe, plaintext_bytes, base, from, now); },
                 [&](const path::ProbeAnswer& answer) { on_answer(answer, base, from, now); },
                 [&](path::Order& order) {
                   ++counters_.orders_received;
                   if (paths_.opinion().on_order(std::move(order), now)) {
                     has_changed_ = true;
                     revive_soon(now);
                   } else {
                     ++counters_.orders_overtaken;
                   }
                 },
             },
             *message);
}

/// Never to an address that is not a valid pair's, and the answer is never longer than the probe was.
void PathControl::on_probe(const path::Probe& probe, std::size_t plaintext_bytes, net::BaseId base,
                           const net::Endpoint& from, SteadyTime now) {
  const auto pair = paths_.find(base, from);
  if (!is_enabled_ || !pair || !may_answer(now)) {
    ++counters_.probes_refused;
    return;
  }
  ++counters_.answers_sent;
  const auto length = static_cast<std::uint16_t>(std::min<std::size_t>(plaintext_bytes, UINT16_MAX));
  messages_.push_back({*pair, path::encode(path::ProbeAnswer{probe.id, length})});
  // What comes in may also get out again.
  if (const auto revival = revivals_.find(*pair); revival != revivals_.end() && !revival->second.awaits)
    revival->second.next = now;
  PeerPaths::Entry& entry = *paths_.find(*pair);
  if (!entry.mtu.is_proven()) entry.mtu.search(now);
}

bool PathControl::may_answer(SteadyTime now) {
  const double seconds = std::chrono::duration<double>(now - budget_at_).count();
  answer_budget_ = std::min(kAnswersAtOnce, answer_budget_ + seconds * kAnswersPerSecond);
  budget_at_ = now;
  if (answer_budget_ < 1) return false;
  answer_budget_ -= 1;
  return true;
}

void PathControl::on_answer(const path::ProbeAnswer& answer, net::BaseId base, const net::Endpoint& from,
                            SteadyTime now) {
  const auto at = sent_.find(answer.id);
  PeerPaths::Entry* entry = at == sent_.end() ? nullptr : paths_.find(at->second.pair);
  const bool is_by_its_path = entry && entry->is_valid && entry->base == base && entry->remote == from &&
                              path::ip_bytes_of(answer.plaintext_bytes, from) == at->second.ip_bytes;
  if (!is_by_its_path) {
    ++counters_.answers_unknown;
    return;
  }
  ++counters_.probes_answered;
  const Sent probe = at->second;
  sent_.erase(at);
  // A volley of all sizes queues behind itself.
  if (probe.purpose != Purpose::mtu) entry->stats.on_data_answer(now - probe.at);
  if (entry->mtu.on_answer(probe.ip_bytes, now) && probe.pair == paths_.selected()) {
    watch_.on_size_changed(now);
    has_changed_ = true;
  }
  const bool is_data_sized = probe.ip_bytes >= entry->mtu.mtu();
  watch_.on_answer(number(probe.pair),
                   is_data_sized ? path::PathWatch::Size::data : path::PathWatch::Size::small, probe.at, now);
  if (entry->is_dead) on_revival_answer(probe.pair, *entry, probe.ip_bytes, now);
}

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

// ---- orders ----

void PathControl::tell_order(const ice::Agent& agent, SteadyTime now) {
  const auto selected = paths_.selected();
  if (!is_enabled_ || !selected) {
    told_.clear();
    return;
  }
  auto order = paths_.order_to_tell(agent);
  if (order != told_) {
    times_told_ = 0;
  } else if (!tell_at_ || now < *tell_at_) {
    return;
  }
  told_ = std::move(order);
  tell_at_ = now + kTellAgain[std::min<std::size_t>(times_told_++, kTellAgain.size() - 1)];
  messages_.push_back({*selected, path::encode(path::Order{++order_number_, told_})});
}

// ---- what comes out ----

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

std::optional<PathControl::Message> PathControl::poll_message() {
  if (messages_.empty()) return std::nullopt;
  Message message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

bool PathControl::take_changed() {
  const auto companion_before = std::exchange(told_companion_, companion());
  return std::exchange(has_changed_, false) || companion_before != told_companion_;
}

std::optional<ice::PairId> PathControl::companion() const {
  const auto companion = watch_.companion();
  return companion ? std::optional{ice::PairId{*companion}} : std::nullopt;
}

}  // namespace causeway::peer
