#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "ice/agent.hpp"
#include "ice/candidate.hpp"
#include "stun/transaction_id.hpp"

namespace causeway::ice {

/// One (base, remote candidate) of the checklist, and the valid pair that its checks made.
struct CandidatePair {
  PairId id = PairId::none;
  Candidate local;  ///< stands for the base; what the checks are sent from
  Candidate remote;
  PairState state = PairState::frozen;
  std::uint64_t priority = 0;

  /// The transaction that decides an in-progress pair.
  std::optional<stun::TransactionId> check;
  /// RFC 8445 §7.2.5.3.2: the local candidate of the valid pair is the one of the mapped address.
  std::optional<Candidate> mapped;
  bool is_valid = false;
  bool was_valid = false;  ///< valid once: it goes on being probed
  /// Controlled side: USE-CANDIDATE came with this order before our own check succeeded (§7.3.1.5).
  std::optional<std::uint64_t> nominated_by_peer;

  std::optional<Duration> rtt;
  std::optional<SteadyTime> answered;
  std::optional<SteadyTime> valid_since;
  std::optional<SteadyTime> next_probe;  ///< consent, keep-warm and re-probes
  unsigned lost_in_row = 0;

  /// §6.1.2.6: a pair's foundation is that of both candidates.
  std::string foundation() const { return local.foundation + ' ' + remote.foundation; }
  bool is_active() const {
    return state == PairState::frozen || state == PairState::waiting || state == PairState::in_progress;
  }
  void set_priority(Role role) {
    priority = role == Role::controlling ? pair_priority(local.priority, remote.priority)
                                         : pair_priority(remote.priority, local.priority);
  }
  PairView view(bool is_nominated) const;
};

/// RFC 8445 §6.1.2.2 and RFC 6544 §6.2: same address family, both or neither IPv6 link-local, protocols that
/// meet.
bool can_pair(const Candidate& local, const Candidate& remote);
/// What a remote candidate must be to meet a local one of this protocol.
TransportProtocol counterpart(TransportProtocol local);

}  // namespace causeway::ice
