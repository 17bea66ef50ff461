// The timers of an agent:
//   Ta               between any two new checks of whatever kind (RFC 8445 §14.2); retransmissions are not
//   paced RTO              max(options.rto, Ta x pairs waiting or in progress) for checks (§14.3), twice the
//   measured round
//                    trip for probes and nominating checks; doubled at each retransmission, 16 RTO after the
//                    last
//   next_probe       of each pair that is or was valid, set by Consent
//   consent          ends consent_timeout after the newest answer (RFC 7675 §5.1)
//   patience         keeps the checklist from failing early (RFC 8863)
#include <algorithm>

#include "ice/agent_state.hpp"

namespace causeway::ice {
namespace {

std::optional<SteadyTime> earlier(std::optional<SteadyTime> a, std::optional<SteadyTime> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

std::vector<const CandidatePair*> Agent::State::valid_pairs() const {
  std::vector<const CandidatePair*> valid;
  for (const auto& [id, pair] : checklist.pairs()) {
    if (pair.is_valid) valid.push_back(&pair);
  }
  return valid;
}

SteadyTime Agent::State::allowed_at(const CandidatePair& pair,
                                    const std::vector<const CandidatePair*>& valid) const {
  const bool has_answered = std::any_of(valid.begin(), valid.end(), [&](const CandidatePair* other) {
    return other->remote.address == pair.remote.address;
  });
  return has_answered ? SteadyTime::min() : limiter.allowed_at(pair.remote.address);
}

// In the order in which they go when several may (§6.1.4.1 before §6.1.4.2; nomination and what the selector
// waits for before both).
std::vector<Agent::State::Due> Agent::State::due_checks() const {
  std::vector<Due> due;
  const auto valid = valid_pairs();
  const auto add = [&](Due::Rank rank, PairId id, SteadyTime at) {
    if (const CandidatePair* pair = checklist.find(id))
      due.push_back({rank, id, std::max(at, allowed_at(*pair, valid))});
  };
  if (nomination.is_to_be_sent()) add(Due::Rank::nominating, *nomination.pending(), SteadyTime::min());
  for (const PairId id : checklist.triggered()) {
    add(Due::Rank::triggered, id, SteadyTime::min());
  }
  for (const PairId id : requested_probes) {
    add(Due::Rank::requested, id, SteadyTime::min());
  }
  for (const auto& [id, pair] : checklist.pairs()) {
    if (pair.next_probe) add(Due::Rank::probe, id, *pair.next_probe);
  }
  for (const CandidatePair* pair : checklist.waiting()) {
    add(Due::Rank::ordinary, pair->id, SteadyTime::min());
  }
  return due;
}

std::optional<Agent::State::Due> Agent::State::pick_check(SteadyTime now) {
  std::optional<Due> probe;
  std::optional<Due> ordinary;
  for (const Due& due : due_checks()) {
    if (due.at > now) continue;
    if (due.rank == Due::Rank::probe) {
      if (!probe || due.at < probe->at) probe = due;
    } else if (due.rank == Due::Rank::ordinary) {
      if (!ordinary) ordinary = due;
    } else {
      return due;
    }
  }
  if (!probe || !ordinary) return probe ? probe : ordinary;
  is_ordinary_turn = !is_ordinary_turn;
  return is_ordinary_turn ? ordinary : probe;
}

void Agent::State::send_check(CandidatePair& pair, CheckTransaction::Kind kind, SteadyTime now) {
  stun::BindingRequest request;
  request.transaction = stun::make_transaction_id(random);
  request.username = remote->ufrag + ":" + local.ufrag;
  request.priority = peer_reflexive_priority(pair.local.priority);
  (role == Role::controlling ? request.controlling : request.controlled) = tiebreaker;
  if (kind == CheckTransaction::Kind::nominating) {
    request.use_candidate = true;
    request.nomination = nomination.number();
    nomination.on_sent();
  } else if (role == Role::controlling && nomination.is_standing(pair.id)) {
    // A peer whose NIC came back has lost the pair and its nomination with it.
    request.use_candidate = true;
    request.nomination = nomination.number();
  }

  CheckTransaction transaction;
  transaction.id = request.transaction;
  transaction.kind = kind;
  transaction.pair = pair.id;
  transaction.base = pair.local.base;
  transaction.to = pair.remote.address;
  transaction.role = role;
  transaction.priority = request.priority;
  transaction.bytes = stun::encode_binding_request(request, remote->password);
  transaction.first_sent = now;
  transaction.rto = options.rto;
  if (kind == CheckTransaction::Kind::check) {
    checklist.untrigger(pair.id);
    pair.state = PairState::in_progress;
    pair.check = transaction.id;
    const auto active = static_cast<std::int64_t>(checklist.active_count());
    transaction.rto = std::max(options.rto, options.ta * active);
  } else {
    if (pair.rtt) transaction.rto = std::max(options.rto, 2 * *pair.rtt);
    consent.on_sent(pair, is_nominated(pair), now);
  }
  transaction.wait = transaction.rto;
  transmit(transactions.add(std::move(transaction)), now);
}

void Agent::State::transmit(CheckTransaction& transaction, SteadyTime now) {
  if (transaction.sent > 0) {
    ++counters.retransmissions;
    transaction.wait *= 2;
  }
  ++transaction.sent;
  ++counters.checks_sent;
  const bool is_last = transaction.is_retransmitted() && transaction.sent >= options.transmissions;
  transaction.deadline = now + (is_last ? CheckTransactions::kLastWait * transaction.rto : transaction.wait);
  limiter.on_sent(transaction.to, now);
  emit(SendStun{transaction.base, transaction.to, transaction.bytes, transaction.id});
}

void Agent::State::on_deadline(CheckTransaction& transaction, SteadyTime now) {
  CandidatePair* pair = checklist.find(transaction.pair);
  if (pair != nullptr && transaction.is_retransmitted() && transaction.sent < options.transmissions) {
    const SteadyTime at = allowed_at(*pair, valid_pairs());
    if (at > now) {
      transaction.deadline = at;
    } else {
      transmit(transaction, now);
    }
    return;
  }
  if (pair != nullptr) {
    switch (transaction.kind) {
      case CheckTransaction::Kind::check:
        if (pair->check != transaction.id) break;
        fail_check(*pair);
        if (pair->was_valid && !pair->is_valid) consent.on_invalidated(*pair, now);
        break;
      case CheckTransaction::Kind::nominating:
        nomination.on_failed(pair->id);
        break;
      case CheckTransaction::Kind::probe:
        if (pair->is_valid) emit(PairProbeLost{pair->id});
        consent.on_lost(*pair, now);
        transactions.abandon(transaction.id, now);
        return;
      case CheckTransaction::Kind::abandoned:
        break;
    }
  }
  transactions.erase(transaction.id);
}

void Agent::on_timeout(Now now) {
  State& s = *state_;
  const SteadyTime t = now.steady;
  for (auto& [id, pair] : s.checklist.pairs()) {
    if (pair.is_valid && s.consent.expiry(pair) <= t) s.invalidate(pair, t);
  }
  for (CheckTransaction* due = s.transactions.next_due(); due != nullptr && due->deadline <= t;
       due = s.transactions.next_due()) {
    s.on_deadline(*due, t);
  }
  s.settle(t);  // failures unfreeze, before the next check is picked
  if (s.remote && (!s.last_slot || t >= *s.last_slot + s.options.ta)) {
    if (const auto due = s.pick_check(t)) {
      using Rank = State::Due::Rank;
      using Kind = CheckTransaction::Kind;
      s.last_slot = t;
      if (due->rank == Rank::requested) std::erase(s.requested_probes, due->pair);
      const bool is_check = due->rank == Rank::triggered || due->rank == Rank::ordinary;
      const Kind kind = is_check                        ? Kind::check
                        : due->rank == Rank::nominating ? Kind::nominating
                                                        : Kind::probe;
      s.send_check(*s.checklist.find(due->pair), kind, t);
    }
  }
  s.settle(t);
}

std::optional<SteadyTime> Agent::State::next_timeout() const {
  if (!remote) return std::nullopt;
  std::optional<SteadyTime> next = transactions.next_deadline();
  std::optional<SteadyTime> check;
  for (const Due& due : due_checks()) {
    check = earlier(check, due.at);
  }
  if (check && last_slot) check = std::max(*check, *last_slot + options.ta);
  next = earlier(next, check);
  for (const auto& [id, pair] : checklist.pairs()) {
    if (pair.is_valid) next = earlier(next, consent.expiry(pair));
  }
  if (state == AgentState::checking && patience_end() > last_now) next = earlier(next, patience_end());
  // "At once" is told as the moment of the last event.
  return next ? std::optional(std::max(*next, last_now)) : std::nullopt;
}

}  // namespace causeway::ice
