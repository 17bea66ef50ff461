#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "ice/candidate.hpp"
#include "net/endpoint.hpp"
#include "stun/transaction_id.hpp"

namespace causeway::ice {

enum class Role : std::uint8_t { controlling, controlled };

/// RFC 8445 §6.1.2.6.
enum class PairState : std::uint8_t { frozen, waiting, in_progress, succeeded, failed };
std::string_view to_string(PairState state);

enum class AgentState : std::uint8_t {
  gathering,  ///< no remote credentials yet: nothing is sent, incoming checks are answered and remembered
  checking,   ///< checks run, no valid pair
  connected,  ///< at least one valid pair
  completed,  ///< a pair is nominated
  failed,     ///< every check failed and patience (RFC 8863) is over, or consent of every pair expired
};

/// Names a pair within its agent; never reused by it.
enum class PairId : std::uint32_t { none = 0 };

struct Credentials {
  std::string ufrag;
  std::string password;
};

/// One pair of the checklist as it stands; a copy.
struct PairView {
  PairId id = PairId::none;
  Candidate local;
  Candidate remote;
  PairState state = PairState::frozen;
  std::uint64_t priority = 0;
  bool is_valid = false;               ///< on the valid list and with consent (RFC 7675)
  bool was_valid = false;              ///< now or earlier, in this generation or, remembered, before
  bool is_nominated = false;           ///< the newest nomination of either side
  std::optional<Duration> rtt;         ///< of the newest answered check
  std::optional<SteadyTime> answered;  ///< when that answer came
  std::optional<SteadyTime> valid_since;
};

// ---- what the agent asks for ----
/// Send these bytes from `base` to `to`. For a request, `transaction` tells how its response will be named,
/// so that whoever demultiplexes can bring it back.
struct SendStun {
  net::BaseId base;
  net::Endpoint to;
  Bytes bytes;
  std::optional<stun::TransactionId> transaction;
};
/// A pair entered the valid list (again, if it had lost consent).
struct PairValidated {
  PairId pair;
};
/// A check on a valid pair was answered: one RTT sample.
struct PairMeasured {
  PairId pair;
  Duration rtt;
};
/// A check on a valid pair went unanswered for its retransmission time: one loss sample. The pair is still
/// valid.
struct PairProbeLost {
  PairId pair;
};
/// The pair lost consent, its base or its candidate: it must not carry data. It goes on being probed.
struct PairInvalidated {
  PairId pair;
};
/// The selected pair by nomination changed (RFC 8445 §8.1.1); for a controlling agent, after nominate() was
/// answered.
struct PairNominated {
  PairId pair;
};
struct RoleChanged {
  Role role;
};
struct StateChanged {
  AgentState state;
};
/// A local peer-reflexive candidate was learnt (§7.2.5.3.1); priorities of remote ones come in the request.
struct LocalCandidateLearnt {
  Candidate candidate;
};
/// An authentic check named this sender ufrag, which is not the remote one: the peer restarted, or nobody has
/// introduced it yet. It was answered and is remembered. An owner who can derive the peer's password calls
/// set_remote_credentials(); others wait for signalling. Told once per ufrag; ufrags of earlier generations
/// never again.
struct RemoteUfragLearnt {
  std::string ufrag;
};
using AgentAction =
    std::variant<SendStun, PairValidated, PairMeasured, PairProbeLost, PairInvalidated, PairNominated,
                 RoleChanged, StateChanged, LocalCandidateLearnt, RemoteUfragLearnt>;

/// A full ICE agent (RFC 8445) with trickle (RFC 8838), consent (RFC 7675) and patience (RFC 8863) for one
/// peer and one component. Sans-I/O: no socket, no clock. Control thread; owned by the peer.
///
/// It decides which checks run and when, and which pairs are valid. It does not choose among valid pairs:
/// nominate() does as the path selector says. All valid pairs are kept warm after nomination, not only the
/// nominated one, and an invalidated one goes on being probed: docs/ice.md lists these deviations.
class Agent {
 public:
  struct Options {
    Duration ta = std::chrono::milliseconds(20);    ///< pacing of checks, RFC 8445 §14.2 (>= 5 ms)
    Duration rto = std::chrono::milliseconds(250);  ///< first retransmission of a check; then doubled
    unsigned transmissions = 5;                     ///< Rc: how often a check is sent before it fails
    Duration keep_warm = std::chrono::seconds(5);   ///< between checks on a valid pair that is not nominated
    Duration consent_interval =
        std::chrono::milliseconds(1000);                  ///< on the nominated pair, randomised 0.8..1.2
    Duration consent_timeout = std::chrono::seconds(15);  ///< RFC 7675 §5.1: 30 s at most
    Duration reprobe = std::chrono::milliseconds(1000);   ///< between checks on a pair that was valid once
    Duration patience = std::chrono::seconds(10);         ///< RFC 8863; from the first check
    std::size_t max_remote_candidates = 32;
    std::size_t max_pairs = 100;     ///< RFC 8445 §6.1.2.5
    bool allow_renomination = true;  ///< false to other agents: then a second nominate() is refused
  };

  Agent(Role role, std::uint64_t tiebreaker, Credentials local, Options options, RandomSource& random);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// What earlier generations of ours were called, kept over restarts: checks of a peer that has not heard
  /// of the new one are answered and tell its ufrag. That holds as long as this agent: a peer that was killed
  /// before it had stored our new name falls back to an old one. `past_remote_ufrags` are the
  /// peer's earlier ones, as past_remote_ufrags() told them: never news again.
  void set_former_generations(std::vector<Credentials> local,
                              const std::vector<std::string>& past_remote_ufrags);
  /// Every origin of candidates enters here, at any time. A redundant one (§5.1.3) is ignored: false.
  bool add_local_candidate(const Candidate& candidate, Now now);
  /// The address is gone: pairs of this base are removed, transactions forgotten.
  void remove_base(net::BaseId base, Now now);
  /// First credentials start the checks; different ones later are an ICE restart of the peer (§9): all pairs
  /// are checked anew, valid ones stay usable until their consent ends.
  void set_remote_credentials(const Credentials& remote, Now now);
  /// False: refused (cap reached, not a usable unicast address, redundant).
  bool add_remote_candidate(const Candidate& candidate, Now now);
  /// A pair that worked in an earlier generation: checked first, and probed as one that was valid in this
  /// one. False: no candidate of this base, not a usable address, or no room.
  bool add_remembered_pair(net::BaseId base, const net::Endpoint& remote, Now now);
  /// RFC 8838 §13: both ends' lists are complete. Without it, patience counts again from the newest
  /// candidate.
  void set_end_of_candidates(Now now);
  /// Time passed that no clock of ours saw (a suspend): every consent has run out (RFC 7675 §5.1). The pairs
  /// are probed at once.
  void expire_consent(Now now);

  /// A STUN message that names this agent: a request whose USERNAME starts with our ufrag, a response to one
  /// of our transactions, or an indication on one of its pairs. Unauthentic or malformed messages are ignored
  /// and counted.
  void on_stun(net::BaseId base, const net::Endpoint& from, ByteView message, Now now);
  /// Sending failed at once (no route, NIC down): the pair that used it is invalidated without waiting for
  /// consent.
  void on_send_failed(net::BaseId base, const net::Endpoint& to, Now now);
  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

  /// Controlling only: nominate this valid pair by a check with USE-CANDIDATE. False if not controlling, not
  /// valid, or already nominated one and renomination is not allowed.
  bool nominate(PairId pair, Now now);
  /// Probes this pair at the next Ta slot (the selector wants a fresher measurement).
  void probe(PairId pair, Now now);
  /// Nothing works any more: the best pairs that are not valid are checked from the start, also those whose
  /// checks have failed or wait for a late retransmission. ProbeLimiter holds.
  void recheck(Now now);

  std::optional<AgentAction> poll_action();

  Role role() const;
  AgentState state() const;
  const Credentials& local_credentials() const;
  std::optional<std::string> remote_ufrag() const;
  /// The peer's earlier generations, newest last, at most `most`.
  std::vector<std::string> past_remote_ufrags(std::size_t most) const;
  std::vector<PairView> pairs() const;
  std::optional<PairView> pair(PairId id) const;
  std::vector<Candidate> local_candidates() const;
  std::vector<Candidate> remote_candidates() const;

  struct Counters {
    std::uint64_t checks_sent = 0;         ///< requests, retransmissions included
    std::uint64_t retransmissions = 0;     ///< of these
    std::uint64_t checks_received = 0;     ///< authentic requests
    std::uint64_t responses_received = 0;  ///< authentic responses to a transaction of ours
    std::uint64_t unauthentic = 0;         ///< wrong ufrag or MESSAGE-INTEGRITY
    std::uint64_t malformed = 0;
    std::uint64_t unmatched_responses = 0;  ///< no such transaction: late, duplicated or forged
    std::uint64_t non_symmetric = 0;        ///< authentic, but not from where the request went (§7.2.5.2.1)
    std::uint64_t role_conflicts = 0;
    std::uint64_t candidates_refused = 0;
  };
  const Counters& counters() const;

  /// A remote candidate that was signalled and is not checked.
  struct Refusal {
    Candidate candidate;
    std::string_view reason;
    std::uint64_t count = 1;
  };
  /// The newest kMaxRefusals; all are counted in Counters::candidates_refused.
  const std::deque<Refusal>& refusals() const;
  static constexpr std::size_t kMaxRefusals = 16;
  /// Those given, with the limits of a list that grows by what a peer says.
  const Options& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace causeway::ice
