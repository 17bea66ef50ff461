// A check of the peer, from the wire to the triggered-check queue:
//   1  USERNAME starts with our ufrag, or a former one    (unknown: counted, no answer)
//   2  MESSAGE-INTEGRITY and FINGERPRINT       (wrong: counted, no answer)
//   3  authentic from here: unknown comprehension-required attributes get 420
//   4  role conflict: one side switches, or the request gets 487
//   5  success response, whatever becomes of the check here
//   6  a sender ufrag that is not the remote one: remembered, perhaps an ICE restart
//   7  unknown source address: a remote peer-reflexive candidate
//   8  triggered check, and the controlled side's share in nomination
#include <algorithm>

#include "ice/agent_state.hpp"

namespace causeway::ice {
namespace {

/// RFC 8839 §5.4: an ufrag has at most 256 characters.
constexpr std::size_t kMaxUfragBytes = 256;
constexpr std::size_t kMaxLearntUfrags = 16;

}  // namespace

void Agent::State::on_request(net::BaseId base, const net::Endpoint& from, ByteView message, SteadyTime now) {
  const auto username = stun::peek_username(message);
  if (!username) {
    ++counters.malformed;
    return;
  }
  const std::size_t colon = username->find(':');
  const Credentials* own = colon == std::string_view::npos ? nullptr : named_by(username->substr(0, colon));
  if (!own) {
    ++counters.unauthentic;
    return;
  }
  const std::string password = own->password;
  std::string sender(username->substr(colon + 1));
  if (sender.empty() || sender.size() > kMaxUfragBytes) {
    ++counters.malformed;
    return;
  }
  const auto request = stun::parse_binding_request(message, password);
  const auto answer = [&](Bytes bytes) { emit(SendStun{base, from, std::move(bytes), std::nullopt}); };
  if (!request) {
    switch (request.error()) {
      case stun::ParseError::bad_integrity:
        ++counters.unauthentic;
        return;
      case stun::ParseError::malformed:
      case stun::ParseError::bad_fingerprint:
        ++counters.malformed;
        return;
      case stun::ParseError::unknown_required:
        break;
    }
    ++counters.malformed;
    answer(stun::encode_binding_error(stun::peek_header(message)->transaction,
                                      stun::error_code::kUnknownAttribute, password,
                                      stun::unknown_required_attributes(message)));
    return;
  }

  ++counters.checks_received;
  if (!resolves_role_conflict(*request)) {
    answer(stun::encode_binding_error(request->transaction, stun::error_code::kRoleConflict, password));
    return;
  }
  answer(stun::encode_binding_success(request->transaction, from, password));

  if (!remote || sender != remote->ufrag) {
    on_unknown_ufrag(std::move(sender), base, from, *request);
  } else if (locals.representative(base) == nullptr) {
    early.remember({std::move(sender), base, from, *request});
  } else {
    accept_check(base, from, *request, now);
  }
}

const Credentials* Agent::State::named_by(std::string_view ufrag) const {
  if (ufrag == local.ufrag) return &local;
  const auto found = std::find_if(former.begin(), former.end(),
                                  [&](const Credentials& known) { return known.ufrag == ufrag; });
  return found == former.end() ? nullptr : &*found;
}

// A replay of the peer's last generation, kept by someone on the way, must not look like a restart.
void Agent::State::on_unknown_ufrag(std::string ufrag, net::BaseId base, const net::Endpoint& from,
                                    const stun::BindingRequest& request) {
  if (std::find(past_ufrags.begin(), past_ufrags.end(), ufrag) != past_ufrags.end()) return;
  early.remember({ufrag, base, from, request});
  if (std::find(learnt_ufrags.begin(), learnt_ufrags.end(), ufrag) != learnt_ufrags.end()) return;
  learnt_ufrags.push_back(ufrag);
  if (learnt_ufrags.size() > kMaxLearntUfrags) learnt_ufrags.pop_front();
  emit(RemoteUfragLearnt{std::move(ufrag)});
}

// RFC 8445 §7.3.1.1. The larger tiebreaker controls. False: the peer is to switch (487).
bool Agent::State::resolves_role_conflict(const stun::BindingRequest& request) {
  if (role == Role::controlling && request.controlling) {
    ++counters.role_conflicts;
    if (tiebreaker >= *request.controlling) return false;
    switch_role();
  } else if (role == Role::controlled && request.controlled) {
    ++counters.role_conflicts;
    if (tiebreaker < *request.controlled) return false;
    switch_role();
  }
  return true;
}

void Agent::State::accept_check(net::BaseId base, const net::Endpoint& from,
                                const stun::BindingRequest& request, SteadyTime now) {
  const Candidate& receiver = *locals.representative(base);
  const TransportProtocol protocol = counterpart(receiver.protocol);
  const auto* sender = remotes.find(from, protocol);
  if (sender == nullptr) sender = learn_remote(from, protocol, request.priority);
  if (sender == nullptr) return;

  CandidatePair* pair = checklist.find(base, from);
  if (pair == nullptr) pair = checklist.form(receiver, sender->candidate, role, true);
  if (pair == nullptr) return;
  trigger_check(*pair, now);

  // §7.3.1.5: only the controlled agent listens to USE-CANDIDATE.
  if (!request.use_candidate || role != Role::controlled) return;
  const auto order = nomination.on_request(request.nomination);
  if (!order) return;
  pair->nominated_by_peer = order;
  if (pair->is_valid) select_if_nominated(*pair, now);
}

// §7.3.1.3. Its priority is the request's, its foundation its own; its type changes if it is signalled later.
RemoteCandidates::Entry* Agent::State::learn_remote(const net::Endpoint& from, TransportProtocol protocol,
                                                    std::uint32_t priority) {
  Candidate learnt;
  learnt.type = CandidateType::peer_reflexive;
  learnt.protocol = protocol;
  learnt.address = from;
  learnt.priority = std::clamp<std::uint32_t>(priority, 1, kMaxPriority);
  auto* entry = insert_remote(learnt, false);
  if (entry == nullptr) ++counters.candidates_refused;
  return entry;
}

// §7.3.1.4.
void Agent::State::trigger_check(CandidatePair& pair, SteadyTime now) {
  switch (pair.state) {
    case PairState::succeeded:
      return;
    case PairState::in_progress:
      // The old transaction is not retransmitted any more; its answer would still do.
      if (pair.check) transactions.abandon(*pair.check, now);
      pair.check.reset();
      break;
    case PairState::frozen:
    case PairState::waiting:
    case PairState::failed:
      break;
  }
  pair.state = PairState::waiting;
  checklist.trigger(pair.id);
}

// The controlled side: a pair the peer nominated is valid. §7.3.1.5, §8.1.1.
void Agent::State::select_if_nominated(CandidatePair& pair, SteadyTime now) {
  if (!pair.nominated_by_peer) return;
  const std::uint64_t order = *pair.nominated_by_peer;
  pair.nominated_by_peer.reset();
  const CandidatePair* selected = nomination.selected() ? checklist.find(*nomination.selected()) : nullptr;
  const bool is_better = selected == nullptr || !selected->is_valid || pair.priority > selected->priority;
  if (nomination.select(pair.id, order, is_better)) select(pair, now);
}

}  // namespace causeway::ice
