#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <vector>

#include "ice/candidate_pair.hpp"

namespace causeway::ice {

/// The pairs of one component, their states and the two orders in which they are checked (RFC 8445 §6.1.2,
/// §6.1.4). It decides which pairs exist and may be checked next; when, and what came of it, is the agent's.
class Checklist {
 public:
  explicit Checklist(std::size_t max_pairs) : max_pairs_(max_pairs) {}

  CandidatePair* find(PairId id);
  const CandidatePair* find(PairId id) const;
  CandidatePair* find(net::BaseId base, const net::Endpoint& remote);

  /// Forms the pair of this base's representative and the remote candidate. nullptr if they cannot meet, the
  /// pair exists (§6.1.2.4: same base and remote is redundant), or the list is full of pairs that rank
  /// higher. A pair that a check of the peer asks for (`is_triggered`) also displaces a higher one.
  CandidatePair* form(const Candidate& local, const Candidate& remote, Role role, bool is_triggered);
  void erase(PairId id);

  /// A role change or a new candidate priority: §7.3.1.1.
  void rank_again(Role role);
  /// §7.2.5.3.3: a success unfreezes its foundation.
  void unfreeze(const std::string& foundation);
  /// §6.1.4.2: a foundation without waiting or in-progress pairs lets its highest frozen pair go; all of
  /// them, if one has succeeded already (RFC 8838 §12 for pairs that came later).
  void unfreeze_idle_foundations();
  /// ICE restart: every pair is to be checked anew.
  void restart();

  void trigger(PairId id);
  void untrigger(PairId id);
  const std::deque<PairId>& triggered() const { return triggered_; }
  /// Waiting pairs, highest priority first.
  std::vector<const CandidatePair*> waiting() const;

  /// Waiting and in-progress: N of RFC 8445 §14.3.
  std::size_t active_count() const;
  /// A pair may still succeed by its own check. `counts_learnt`: also one whose remote candidate was only
  /// learnt.
  bool has_unfinished(bool counts_learnt) const;
  bool has_valid() const;

  std::map<PairId, CandidatePair>& pairs() { return pairs_; }
  const std::map<PairId, CandidatePair>& pairs() const { return pairs_; }

 private:
  bool make_room(std::uint64_t priority, bool is_triggered);

  std::size_t max_pairs_;
  std::map<PairId, CandidatePair> pairs_;  // by age; addresses stay
  std::deque<PairId> triggered_;           // §6.1.4.1: first in, first out
  std::uint32_t last_id_ = 0;
};

}  // namespace causeway::ice
