#include "ice/agent.hpp"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

#include "ice/agent_state.hpp"

namespace causeway::ice {
namespace {

/// RFC 8839 §5.1: a foundation is 1 to 32 characters.
constexpr std::size_t kMaxFoundationBytes = 32;
constexpr std::size_t kMaxPastUfrags = 64;

/// Empty: it is not.
std::string_view why_refused(const Candidate& candidate) {
  if (!candidate.address.address.is_usable_unicast()) return "not an address that one node has";
  if (!is_usable_candidate(candidate))
    return candidate.address.port == 0 ? "port 0" : "a priority out of range";
  if (candidate.foundation.size() > kMaxFoundationBytes) return "a foundation of more than 32 characters";
  return "";
}

}  // namespace

Agent::State::State(Role initial_role, std::uint64_t own_tiebreaker, Credentials own, Options given,
                    RandomSource& source)
    : role(initial_role),
      tiebreaker(own_tiebreaker),
      local(std::move(own)),
      options(std::move(given)),
      random(source),
      remotes(options.max_remote_candidates),
      checklist(options.max_pairs),
      nomination(options.allow_renomination),
      consent(options, source) {}

// ---- candidates and pairs ----

bool Agent::State::add_local(const Candidate& candidate) {
  if (!locals.add(candidate)) return false;
  const Candidate* added = locals.find(candidate.base, candidate.address);
  const Candidate* representative = locals.representative(candidate.base);
  for (auto& [id, pair] : checklist.pairs()) {
    if (pair.local.base != candidate.base) continue;
    pair.local = *representative;
    pair.set_priority(role);
    if (pair.mapped && pair.mapped->address == candidate.address) pair.mapped = *added;
  }
  form_pairs_of_base(candidate.base);
  return true;
}

void Agent::State::form_pairs_of_base(net::BaseId base) {
  const Candidate* representative = locals.representative(base);
  if (representative == nullptr) return;
  for (const auto& entry : remotes.all()) {
    checklist.form(*representative, entry.candidate, role, false);
  }
}

RemoteCandidates::Entry* Agent::State::insert_remote(const Candidate& candidate, bool is_signalled) {
  if (remotes.is_full()) {
    // Room is made by what has proven nothing: first left-overs of an earlier generation, then the oldest
    // learnt one. If there is none, by the oldest that worked once and works no more: a peer that has had
    // many relays or networks is still reached at its next.
    const RemoteCandidates::Entry* victim = nullptr;
    const RemoteCandidates::Entry* dead = nullptr;
    for (const auto& entry : remotes.all()) {
      const auto has_pair = [&](bool CandidatePair::*quality) {
        return std::any_of(checklist.pairs().begin(), checklist.pairs().end(), [&](const auto& pair) {
          return pair.second.*quality && pair.second.remote.address == entry.candidate.address;
        });
      };
      const bool is_proven = has_pair(&CandidatePair::was_valid);
      if (dead == nullptr && is_proven && !has_pair(&CandidatePair::is_valid)) dead = &entry;
      if (is_proven || (entry.is_signalled && !entry.is_stale)) continue;
      if (victim == nullptr || (entry.is_stale && !victim->is_stale)) victim = &entry;
    }
    if (victim == nullptr) victim = dead;
    if (victim == nullptr) return nullptr;
    const Candidate evicted = victim->candidate;
    std::vector<PairId> orphans;
    for (const auto& [id, pair] : checklist.pairs()) {
      if (pair.remote.address == evicted.address && pair.remote.protocol == evicted.protocol)
        orphans.push_back(id);
    }
    for (const PairId id : orphans) {
      erase_pair(id);
    }
    remotes.erase(evicted.address, evicted.protocol);
  }
  Candidate inserted = candidate;
  inserted.base = net::BaseId::none;
  inserted.base_address = {};
  if (inserted.foundation.empty()) inserted.foundation = remotes.next_foundation();
  return &remotes.insert(inserted, is_signalled);
}

void Agent::State::erase_pair(PairId id) {
  const CandidatePair* pair = checklist.find(id);
  if (pair == nullptr) return;
  const bool was_usable = pair->is_valid;
  transactions.erase_pair(id);
  nomination.forget(id);
  std::erase(requested_probes, id);
  checklist.erase(id);
  if (was_usable) emit(PairInvalidated{id});
}

void Agent::State::invalidate(CandidatePair& pair, SteadyTime now) {
  if (!pair.is_valid) return;
  pair.is_valid = false;
  pair.valid_since.reset();
  if (pair.state == PairState::succeeded) pair.state = PairState::failed;
  nomination.on_failed(pair.id);
  consent.on_invalidated(pair, now);
  emit(PairInvalidated{pair.id});
}

void Agent::State::select(CandidatePair& pair, SteadyTime now) {
  consent.on_nominated(pair, now);
  emit(PairNominated{pair.id});
}

void Agent::State::request_probe(PairId id) {
  if (checklist.find(id) == nullptr) return;
  if (std::find(requested_probes.begin(), requested_probes.end(), id) == requested_probes.end()) {
    requested_probes.push_back(id);
  }
}

void Agent::State::switch_role() {
  role = role == Role::controlling ? Role::controlled : Role::controlling;
  nomination.cancel();
  checklist.rank_again(role);
  emit(RoleChanged{role});
}

void Agent::State::replay_early_checks(SteadyTime now) {
  if (!remote) return;
  for (EarlyCheck& check : early.take(remote->ufrag)) {
    if (locals.representative(check.base) == nullptr) {
      early.remember(std::move(check));
    } else {
      accept_check(check.base, check.from, check.request, now);
    }
  }
}

void Agent::State::refuse_remote(const Candidate& candidate, std::string_view reason) {
  ++counters.candidates_refused;
  for (Refusal& known : refusals) {
    if (known.candidate.address != candidate.address || known.reason != reason) continue;
    ++known.count;
    return;
  }
  if (refusals.size() >= kMaxRefusals) refusals.pop_front();
  refusals.push_back({candidate, reason});
}

// ---- state ----

SteadyTime Agent::State::patience_end() const {
  // RFC 8863 §4: not before the PAC timer. A peer that has not said "all" may still be gathering.
  return (end_of_candidates ? started : std::max(started, newest_candidate)) + options.patience;
}

AgentState Agent::State::compute_state(SteadyTime now) const {
  if (!remote) return AgentState::gathering;
  if (checklist.has_valid()) {
    const CandidatePair* selected = nomination.selected() ? checklist.find(*nomination.selected()) : nullptr;
    return selected != nullptr && selected->is_valid ? AgentState::completed : AgentState::connected;
  }
  // Two NATs whose mappings depend on the port give each check a source that nobody knows: such agents learn
  // candidates for ever and must come to an end all the same.
  const bool is_patient = now < patience_end();
  if (checklist.has_unfinished(is_patient || had_valid)) return AgentState::checking;
  return had_valid || !is_patient ? AgentState::failed : AgentState::checking;
}

void Agent::State::settle(SteadyTime now) {
  last_now = std::max(last_now, now);
  if (remote) checklist.unfreeze_idle_foundations();
  const AgentState next = compute_state(now);
  if (next == state) return;
  state = next;
  emit(StateChanged{next});
}

// ---- the public face ----

Agent::Agent(Role role, std::uint64_t tiebreaker, Credentials local, Options options, RandomSource& random)
    : state_(std::make_unique<State>(role, tiebreaker, std::move(local), std::move(options), random)) {}

Agent::~Agent() = default;

void Agent::set_former_generations(std::vector<Credentials> local,
                                   const std::vector<std::string>& past_remote_ufrags) {
  State& s = *state_;
  std::erase_if(local, [&](const Credentials& former) { return former.ufrag == s.local.ufrag; });
  s.former = std::move(local);
  for (const std::string& ufrag : past_remote_ufrags) {
    s.past_ufrags.push_back(ufrag);
    if (s.past_ufrags.size() > kMaxPastUfrags) s.past_ufrags.pop_front();
  }
}

bool Agent::add_local_candidate(const Candidate& candidate, Now now) {
  State& s = *state_;
  if (candidate.base == net::BaseId::none || !is_usable_candidate(candidate)) return false;
  const bool added = s.add_local(candidate);
  if (added) {
    s.newest_candidate = now.steady;
    s.replay_early_checks(now.steady);
  }
  s.settle(now.steady);
  return added;
}

void Agent::remove_base(net::BaseId base, Now now) {
  State& s = *state_;
  std::vector<PairId> gone;
  for (const auto& [id, pair] : s.checklist.pairs()) {
    if (pair.local.base == base) gone.push_back(id);
  }
  for (const PairId id : gone) {
    s.erase_pair(id);
  }
  s.locals.remove_base(base);
  s.settle(now.steady);
}

void Agent::set_remote_credentials(const Credentials& remote, Now now) {
  State& s = *state_;
  // RFC 8489 §14.3: USERNAME, both ufrags and a colon, has at most 512 bytes.
  if (remote.ufrag.empty() || remote.password.empty() ||
      remote.ufrag.size() + s.local.ufrag.size() + 1 > 512) {
    ++s.counters.malformed;
    return;
  }
  if (s.remote && s.remote->ufrag == remote.ufrag && s.remote->password == remote.password) return;
  const bool is_restart = s.remote.has_value();
  if (is_restart) {
    // RFC 8445 §9, the peer's half: everything is checked anew, nothing that works is taken away.
    if (s.remote->ufrag != remote.ufrag) s.past_ufrags.push_back(s.remote->ufrag);
    if (s.past_ufrags.size() > kMaxPastUfrags) s.past_ufrags.pop_front();
    s.transactions.clear();
    s.requested_probes.clear();
    s.checklist.restart();
    s.remotes.mark_all_stale();
    for (auto& [id, pair] : s.checklist.pairs()) {
      if (const auto* known = s.remotes.find(pair.remote.address, pair.remote.protocol))
        pair.remote = known->candidate;
    }
    s.nomination.restart();
    s.end_of_candidates = false;
    s.had_valid = s.checklist.has_valid();
    s.role_switches = 0;
    // What worked a moment ago is the best guess: it goes first.
    for (auto& [id, pair] : s.checklist.pairs()) {
      if (!pair.was_valid) continue;
      pair.state = PairState::waiting;
      s.checklist.trigger(id);
    }
  }
  std::erase(s.past_ufrags, remote.ufrag);
  s.remote = remote;
  s.started = now.steady;
  s.replay_early_checks(now.steady);
  s.settle(now.steady);
}

bool Agent::add_remote_candidate(const Candidate& candidate, Now now) {
  State& s = *state_;
  if (const auto reason = why_refused(candidate); !reason.empty()) {
    s.refuse_remote(candidate, reason);
    return false;
  }
  auto* known = s.remotes.find(candidate.address, candidate.protocol);
  if (known != nullptr) {
    const bool is_news = !known->is_signalled || known->is_stale || known->candidate.type != candidate.type ||
                         known->candidate.priority != candidate.priority;
    if (!is_news) return false;
    // RFC 8838 §11: what signalling says of a peer-reflexive candidate's address replaces what a check said.
    known->is_signalled = true;
    known->is_stale = false;
    known->candidate.type = candidate.type;
    known->candidate.priority = candidate.priority;
    if (!candidate.foundation.empty()) known->candidate.foundation = candidate.foundation;
    for (auto& [id, pair] : s.checklist.pairs()) {
      if (pair.remote.address != candidate.address || pair.remote.protocol != candidate.protocol) continue;
      pair.remote = known->candidate;
      pair.set_priority(s.role);
    }
  } else {
    known = s.insert_remote(candidate, true);
    if (known == nullptr) {
      s.refuse_remote(candidate, "the list of this peer's candidates is full");
      return false;
    }
  }
  // With every base: what a check told of the address before was paired with the base it came to, alone.
  const Candidate signalled = known->candidate;
  std::set<net::BaseId> bases;
  for (const Candidate& own : s.locals.all()) {
    if (bases.insert(own.base).second)
      s.checklist.form(*s.locals.representative(own.base), signalled, s.role, false);
  }
  s.newest_candidate = now.steady;
  s.settle(now.steady);
  return true;
}

bool Agent::add_remembered_pair(net::BaseId base, const net::Endpoint& remote, Now now) {
  State& s = *state_;
  const Candidate* local = s.locals.representative(base);
  if (local == nullptr) return false;
  CandidatePair* pair = s.checklist.find(base, remote);
  if (pair == nullptr) {
    Candidate candidate;
    candidate.type = CandidateType::peer_reflexive;
    candidate.protocol = counterpart(local->protocol);
    candidate.address = remote;
    candidate.priority = recommended_priority(CandidateType::peer_reflexive, 65535);
    if (!is_usable_candidate(candidate) || !can_pair(*local, candidate)) return false;
    const auto* entry = s.remotes.find(remote, candidate.protocol);
    if (entry == nullptr) entry = s.insert_remote(candidate, false);
    if (entry == nullptr) return false;
    pair = s.checklist.form(*local, entry->candidate, s.role, true);
    if (pair == nullptr) return false;
  }
  if (pair->was_valid) return true;
  pair->was_valid = true;
  if (pair->state == PairState::frozen || pair->state == PairState::failed) pair->state = PairState::waiting;
  if (pair->state == PairState::waiting) s.checklist.trigger(pair->id);
  s.settle(now.steady);
  return true;
}

void Agent::set_end_of_candidates(Now now) {
  state_->end_of_candidates = true;
  state_->settle(now.steady);
}

void Agent::expire_consent(Now now) {
  State& s = *state_;
  for (auto& [id, pair] : s.checklist.pairs()) {
    if (!pair.is_valid) continue;
    s.invalidate(pair, now.steady);
    s.request_probe(id);
  }
  s.settle(now.steady);
}

void Agent::on_stun(net::BaseId base, const net::Endpoint& from, ByteView message, Now now) {
  State& s = *state_;
  const auto header = stun::peek_header(message);
  if (!header || header->method != stun::kBindingMethod || from.port == 0 ||
      !from.address.is_usable_unicast()) {
    ++s.counters.malformed;
    return;
  }
  switch (header->message_class) {
    case stun::MessageClass::request:
      s.on_request(base, from, message, now.steady);
      break;
    case stun::MessageClass::success_response:
    case stun::MessageClass::error_response:
      s.on_response(base, from, message, now.steady);
      break;
    case stun::MessageClass::indication:
      // RFC 8445 §11: a keepalive has done its work by passing the NATs. It is no consent and proves nothing.
      if (!stun::is_binding_indication(message)) ++s.counters.malformed;
      break;
  }
  s.settle(now.steady);
}

void Agent::on_send_failed(net::BaseId base, const net::Endpoint& to, Now now) {
  State& s = *state_;
  if (CandidatePair* pair = s.checklist.find(base, to)) {
    s.transactions.erase_pair(pair->id);
    s.checklist.untrigger(pair->id);
    pair->check.reset();
    s.nomination.on_failed(pair->id);
    s.invalidate(*pair, now.steady);
    pair->state = PairState::failed;
    if (pair->was_valid && !pair->next_probe) s.consent.on_invalidated(*pair, now.steady);
  }
  s.settle(now.steady);
}

bool Agent::nominate(PairId id, Now now) {
  State& s = *state_;
  const CandidatePair* pair = s.checklist.find(id);
  if (s.role != Role::controlling || pair == nullptr || !pair->is_valid) return false;
  const bool accepted = s.nomination.begin(id);
  s.settle(now.steady);
  return accepted;
}

void Agent::probe(PairId id, Now now) {
  State& s = *state_;
  s.request_probe(id);
  s.settle(now.steady);
}

std::optional<SteadyTime> Agent::next_timeout() const { return state_->next_timeout(); }

std::optional<AgentAction> Agent::poll_action() {
  if (state_->actions.empty()) return std::nullopt;
  AgentAction action = std::move(state_->actions.front());
  state_->actions.pop_front();
  return action;
}

Role Agent::role() const { return state_->role; }
AgentState Agent::state() const { return state_->state; }
const Credentials& Agent::local_credentials() const { return state_->local; }

std::optional<std::string> Agent::remote_ufrag() const {
  return state_->remote ? std::optional(state_->remote->ufrag) : std::nullopt;
}

std::vector<std::string> Agent::past_remote_ufrags(std::size_t most) const {
  const auto& past = state_->past_ufrags;
  const std::size_t skipped = past.size() - std::min(most, past.size());
  return {past.begin() + static_cast<std::ptrdiff_t>(skipped), past.end()};
}

std::vector<PairView> Agent::pairs() const {
  std::vector<PairView> views;
  for (const auto& [id, pair] : state_->checklist.pairs()) {
    views.push_back(pair.view(state_->is_nominated(pair)));
  }
  return views;
}

std::optional<PairView> Agent::pair(PairId id) const {
  const CandidatePair* found = std::as_const(state_->checklist).find(id);
  if (found == nullptr) return std::nullopt;
  return found->view(state_->is_nominated(*found));
}

std::vector<Candidate> Agent::local_candidates() const { return state_->locals.all(); }

std::vector<Candidate> Agent::remote_candidates() const {
  std::vector<Candidate> candidates;
  for (const auto& entry : state_->remotes.all()) {
    candidates.push_back(entry.candidate);
  }
  return candidates;
}

const Agent::Counters& Agent::counters() const { return state_->counters; }
const std::deque<Agent::Refusal>& Agent::refusals() const { return state_->refusals; }
const Agent::Options& Agent::options() const { return state_->options; }

}  // namespace causeway::ice
