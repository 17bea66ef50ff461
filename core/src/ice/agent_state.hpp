#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "ice/agent.hpp"
#include "ice/candidate_list.hpp"
#include "ice/check_transactions.hpp"
#include "ice/checklist.hpp"
#include "ice/consent.hpp"
#include "ice/early_checks.hpp"
#include "ice/nomination.hpp"
#include "ice/probe_limiter.hpp"
#include "stun/message.hpp"

namespace causeway::ice {

/// What an agent knows, and its steps by file: agent.cpp (candidates, credentials, queries),
/// agent_requests.cpp (checks of the peer), agent_responses.cpp (answers to ours), agent_timers.cpp (pacing,
/// retransmission, expiry).
struct Agent::State {
  State(Role initial_role, std::uint64_t own_tiebreaker, Credentials own, Options given,
        RandomSource& source);

  // ---- agent.cpp ----
  void emit(AgentAction action) { actions.push_back(std::move(action)); }
  bool add_local(const Candidate& candidate);
  void form_pairs_of_base(net::BaseId base);
  /// nullptr if there is no room: every entry is signalled or has carried a valid pair.
  RemoteCandidates::Entry* insert_remote(const Candidate& candidate, bool is_signalled);
  void erase_pair(PairId id);
  void invalidate(CandidatePair& pair, SteadyTime now);
  void select(CandidatePair& pair, SteadyTime now);
  void request_probe(PairId id);
  void switch_role();
  void replay_early_checks(SteadyTime now);
  void refuse_remote(const Candidate& candidate, std::string_view reason);
  /// Ends every event: unfreezes, and tells a new AgentState.
  void settle(SteadyTime now);
  AgentState compute_state(SteadyTime now) const;
  SteadyTime patience_end() const;
  bool is_nominated(const CandidatePair& pair) const { return nomination.selected() == pair.id; }

  // ---- agent_requests.cpp ----
  void on_request(net::BaseId base, const net::Endpoint& from, ByteView message, SteadyTime now);
  /// Ours that the receiver's half of a USERNAME names; nullptr: none.
  const Credentials* named_by(std::string_view ufrag) const;
  void on_unknown_ufrag(std::string ufrag, net::BaseId base, const net::Endpoint& from,
                        const stun::BindingRequest& request);
  bool resolves_role_conflict(const stun::BindingRequest& request);
  void accept_check(net::BaseId base, const net::Endpoint& from, const stun::BindingRequest& request,
                    SteadyTime now);
  RemoteCandidates::Entry* learn_remote(const net::Endpoint& from, TransportProtocol protocol,
                                        std::uint32_t priority);
  void trigger_check(CandidatePair& pair, SteadyTime now);
  void select_if_nominated(CandidatePair& pair, SteadyTime now);

  // ---- agent_responses.cpp ----
  void on_response(net::BaseId base, const net::Endpoint& from, ByteView message, SteadyTime now);
  void on_error_response(const CheckTransaction& transaction, CandidatePair& pair, std::uint16_t code,
                         SteadyTime now);
  void on_success(const CheckTransaction& transaction, CandidatePair& pair, const net::Endpoint& mapped,
                  SteadyTime now);
  void learn_mapped(const CheckTransaction& transaction, CandidatePair& pair, const net::Endpoint& mapped);
  void fail_check(CandidatePair& pair);

  // ---- agent_timers.cpp ----
  /// A check that may be sent from `at` on.
  struct Due {
    enum class Rank : std::uint8_t { nominating, triggered, requested, probe, ordinary } rank;
    PairId pair;
    SteadyTime at;
  };
  std::vector<Due> due_checks() const;
  std::optional<Due> pick_check(SteadyTime now);
  std::vector<const CandidatePair*> valid_pairs() const;
  /// When a check of this pair may leave: at once to an address that is the remote one of a valid pair.
  SteadyTime allowed_at(const CandidatePair& pair, const std::vector<const CandidatePair*>& valid) const;
  void send_check(CandidatePair& pair, CheckTransaction::Kind kind, SteadyTime now);
  void transmit(CheckTransaction& transaction, SteadyTime now);
  void on_deadline(CheckTransaction& transaction, SteadyTime now);
  std::optional<SteadyTime> next_timeout() const;

  Role role;
  const std::uint64_t tiebreaker;
  const Credentials local;
  const Options options;
  RandomSource& random;
  std::optional<Credentials> remote;
  std::vector<Credentials> former;  ///< of our earlier generations: a peer may fall back to one
  std::deque<std::string>
      past_ufrags;  ///< of the peer's earlier generations: replays of them restart nothing
  std::deque<std::string> learnt_ufrags;  ///< told by RemoteUfragLearnt

  LocalCandidates locals;
  RemoteCandidates remotes;
  Checklist checklist;
  CheckTransactions transactions;
  ProbeLimiter limiter;
  Nomination nomination;
  Consent consent;
  EarlyChecks early;
  std::deque<PairId> requested_probes;

  AgentState state = AgentState::gathering;
  bool end_of_candidates = false;
  bool had_valid = false;      ///< in this generation
  unsigned role_switches = 0;  ///< by 487, in this generation
  SteadyTime started{};        ///< of this generation
  SteadyTime newest_candidate{};
  std::optional<SteadyTime> last_slot;  ///< when the last new check left: Ta counts from here
  SteadyTime last_now{};
  bool is_ordinary_turn = true;  ///< ordinary checks and timed probes alternate when both are due

  std::deque<AgentAction> actions;
  Counters counters;
  std::deque<Refusal> refusals;
};

}  // namespace causeway::ice
