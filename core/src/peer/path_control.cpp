#include "peer/path_control.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/overloaded.hpp"

namespace causeway::peer {
namespace {

/// Answers to one peer: more than any honest one asks for.
constexpr double kAnswersPerSecond = 400, kAnswersAtOnce = 150;
/// An order is told again so long after each time it was told; the last one for good.
constexpr std::array<Duration, 4> kTellAgain{300ms, 1s, 5s, 20s};

std::uint32_t number(ice::PairId pair) { return static_cast<std::uint32_t>(pair); }

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
