#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ice/candidate.hpp"

namespace causeway::ice {

/// Local candidates of every origin, without redundant ones (RFC 8445 §5.1.3), each with a foundation.
class LocalCandidates {
 public:
  /// Ours, so only a guard against a source that runs away.
  static constexpr std::size_t kMaxCandidates = 64;
  /// A peer can make us learn one per response: the oldest goes.
  static constexpr std::size_t kMaxPeerReflexive = 16;

  /// False if redundant (same address and base, no higher priority) or full. A candidate from a source
  /// replaces a peer-reflexive one of the same address and base: who was told an address knows more than who
  /// saw it.
  bool add(Candidate candidate);
  void remove_base(net::BaseId base);

  /// nullptr if there is none.
  const Candidate* find(net::BaseId base, const net::Endpoint& address) const;
  /// What stands for this base in a checklist (§6.1.2.4): its host or relayed candidate, else its first.
  const Candidate* representative(net::BaseId base) const;
  const std::vector<Candidate>& all() const { return candidates_; }

 private:
  std::string foundation_of(const Candidate& candidate);
  void make_room_for_peer_reflexive();

  std::vector<Candidate> candidates_;
  std::vector<std::string> foundation_keys_;
};

/// Remote candidates: signalled ones and those learnt from checks. Each transport address is there once.
class RemoteCandidates {
 public:
  struct Entry {
    Candidate candidate;
    bool is_signalled = false;
    bool is_stale = false;  ///< of an earlier generation, not signalled since
  };

  static constexpr std::string_view kStaleFoundation = "old";

  explicit RemoteCandidates(std::size_t max) : max_(max) {}

  Entry* find(const net::Endpoint& address, TransportProtocol protocol);
  bool is_full() const { return entries_.size() >= max_; }
  /// There must be room and no such address.
  Entry& insert(const Candidate& candidate, bool is_signalled);
  void erase(const net::Endpoint& address, TransportProtocol protocol);
  /// Of an earlier generation from here on. Their foundations are other ones then: a pair that is gone with
  /// it must not keep frozen (RFC 8445 §6.1.2.6) what stands in its place in the new one.
  void mark_all_stale();
  /// "prflx1", "prflx2": RFC 8445 §7.3.1.3 wants a foundation different from all others.
  std::string next_foundation();
  const std::vector<Entry>& all() const { return entries_; }

 private:
  std::size_t max_;
  std::vector<Entry> entries_;
  unsigned learnt_ = 0;
};

}  // namespace causeway::ice
