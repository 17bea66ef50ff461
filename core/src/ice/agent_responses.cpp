// The answer to a check of ours, from the wire to the valid list:
//   1  it names a transaction of ours            (else counted as unmatched)
//   2  MESSAGE-INTEGRITY by the peer's password  (else ignored: the transaction goes on)
//   3  it came from where the request went, to where it left (else the pair fails, RFC 8445 §7.2.5.2.1)
//   4  487 switches the role; other errors fail the pair
//   5  the mapped address names the local candidate of the valid pair; an unknown one is peer-reflexive
//   6  the pair has succeeded, is valid, has consent; its foundation unfreezes
//   7  a nominating check settles the nomination
#include "ice/agent_state.hpp"

namespace causeway::ice {
namespace {

/// A peer that answers 487 for ever makes nobody switch for ever.
constexpr unsigned kMaxRoleSwitches = 8;

}  // namespace

void Agent::State::on_response(net::BaseId base, const net::Endpoint& from, ByteView message,
                               SteadyTime now) {
  const CheckTransaction* found = transactions.find(stun::peek_header(message)->transaction);
  if (found == nullptr || !remote) {
    ++counters.unmatched_responses;
    return;
  }
  const auto response = stun::parse_binding_response(message, remote->password);
  if (!response) {
    // RFC 8489 §9.1.4: as if it had never come, so that a forger cannot end a transaction.
    ++(response.error() == stun::ParseError::bad_integrity ? counters.unauthentic : counters.malformed);
    return;
  }
  ++counters.responses_received;
  const CheckTransaction transaction = *found;
  transactions.erase(transaction.id);
  CandidatePair* pair = checklist.find(transaction.pair);
  if (pair == nullptr) return;

  if (transaction.base != base || transaction.to != from) {
    ++counters.non_symmetric;
    if (transaction.kind == CheckTransaction::Kind::nominating) nomination.on_failed(pair->id);
    if (pair->check == transaction.id) fail_check(*pair);
  } else if (response->error) {
    on_error_response(transaction, *pair, *response->error, now);
  } else {
    on_success(transaction, *pair, *response->mapped, now);
  }
}

// §7.2.5.1 and §7.2.5.2.4.
void Agent::State::on_error_response(const CheckTransaction& transaction, CandidatePair& pair,
                                     std::uint16_t code, SteadyTime now) {
  if (transaction.kind == CheckTransaction::Kind::nominating) nomination.on_failed(pair.id);
  if (code == stun::error_code::kRoleConflict && role_switches < kMaxRoleSwitches) {
    ++counters.role_conflicts;
    if (transaction.role == role) {
      ++role_switches;
      switch_role();
    }
    if (pair.state == PairState::succeeded) {
      request_probe(pair.id);
    } else {
      trigger_check(pair, now);
    }
    return;
  }
  // RFC 7675 §5.2: 403 takes consent back at once.
  if (code == stun::error_code::kForbidden) invalidate(pair, now);
  if (pair.check == transaction.id) fail_check(pair);
}

void Agent::State::fail_check(CandidatePair& pair) {
  pair.check.reset();
  pair.state = PairState::failed;
}

void Agent::State::on_success(const CheckTransaction& transaction, CandidatePair& pair,
                              const net::Endpoint& mapped, SteadyTime now) {
  learn_mapped(transaction, pair, mapped);
  if (pair.check && *pair.check != transaction.id) transactions.abandon(*pair.check, now);
  pair.check.reset();
  pair.state = PairState::succeeded;
  checklist.untrigger(pair.id);
  checklist.unfreeze(pair.foundation());

  pair.answered = now;
  // Karn: an answer to a request that was sent twice names neither.
  const bool is_measured = transaction.sent == 1;
  if (is_measured) pair.rtt = now - transaction.first_sent;
  if (!pair.is_valid) {
    pair.is_valid = true;
    pair.was_valid = true;
    pair.valid_since = now;
    had_valid = true;
    emit(PairValidated{pair.id});
  }
  if (is_measured) emit(PairMeasured{pair.id, *pair.rtt});
  consent.on_answered(pair, is_nominated(pair), now);

  if (transaction.kind == CheckTransaction::Kind::nominating && transaction.role == role &&
      role == Role::controlling) {
    if (nomination.on_answered(pair.id)) select(pair, now);
  }
  if (role == Role::controlled) select_if_nominated(pair, now);
}

// §7.2.5.3.1 and §7.2.5.3.2.
void Agent::State::learn_mapped(const CheckTransaction& transaction, CandidatePair& pair,
                                const net::Endpoint& mapped) {
  if (const Candidate* known = locals.find(transaction.base, mapped)) {
    pair.mapped = *known;
    return;
  }
  Candidate learnt;
  learnt.type = CandidateType::peer_reflexive;
  learnt.protocol = pair.local.protocol;
  learnt.address = mapped;
  learnt.base = pair.local.base;
  learnt.base_address = pair.local.base_address;
  learnt.priority = transaction.priority;
  learnt.source = "check";
  // A peer may say any address here. It is told to others as ours, so it must at least be one.
  if (!is_usable_candidate(learnt) || !locals.add(learnt)) return;
  pair.mapped = *locals.find(transaction.base, mapped);
  emit(LocalCandidateLearnt{*pair.mapped});
}

}  // namespace causeway::ice
