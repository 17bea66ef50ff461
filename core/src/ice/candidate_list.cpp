#include "ice/candidate_list.hpp"

#include <algorithm>
#include <cassert>

namespace causeway::ice {

bool LocalCandidates::add(Candidate candidate) {
  if (candidate.foundation.empty()) candidate.foundation = foundation_of(candidate);
  for (Candidate& known : candidates_) {
    if (known.base != candidate.base || known.address != candidate.address) continue;
    const bool replaces_learnt =
        known.type == CandidateType::peer_reflexive && candidate.type != CandidateType::peer_reflexive;
    if (!replaces_learnt && known.priority >= candidate.priority) return false;
    known = std::move(candidate);
    return true;
  }
  if (candidate.type == CandidateType::peer_reflexive) make_room_for_peer_reflexive();
  if (candidates_.size() >= kMaxCandidates) return false;
  candidates_.push_back(std::move(candidate));
  return true;
}

void LocalCandidates::make_room_for_peer_reflexive() {
  const auto is_learnt = [](const Candidate& c) { return c.type == CandidateType::peer_reflexive; };
  const auto learnt = std::count_if(candidates_.begin(), candidates_.end(), is_learnt);
  if (static_cast<std::size_t>(learnt) < kMaxPeerReflexive) return;
  candidates_.erase(std::find_if(candidates_.begin(), candidates_.end(), is_learnt));
}

void LocalCandidates::remove_base(net::BaseId base) {
  std::erase_if(candidates_, [base](const Candidate& candidate) { return candidate.base == base; });
}

const Candidate* LocalCandidates::find(net::BaseId base, const net::Endpoint& address) const {
  for (const Candidate& candidate : candidates_) {
    if (candidate.base == base && candidate.address == address) return &candidate;
  }
  return nullptr;
}

const Candidate* LocalCandidates::representative(net::BaseId base) const {
  const Candidate* first = nullptr;
  for (const Candidate& candidate : candidates_) {
    if (candidate.base != base) continue;
    if (candidate.type == CandidateType::host || candidate.type == CandidateType::relayed) return &candidate;
    if (first == nullptr) first = &candidate;
  }
  return first;
}

// RFC 8445 §5.1.1.3: equal for candidates of the same type, base IP address, server and transport protocol.
// The source stands for the server here; a source with several servers sets foundations itself.
std::string LocalCandidates::foundation_of(const Candidate& candidate) {
  const std::string key = std::string(to_string(candidate.type)) + ' ' +
                          candidate.base_address.address.to_string() + ' ' +
                          std::to_string(static_cast<int>(candidate.protocol)) + ' ' + candidate.source;
  const auto known = std::find(foundation_keys_.begin(), foundation_keys_.end(), key);
  const auto index = known - foundation_keys_.begin();
  if (known == foundation_keys_.end()) foundation_keys_.push_back(key);
  return std::to_string(index + 1);
}

RemoteCandidates::Entry* RemoteCandidates::find(const net::Endpoint& address, TransportProtocol protocol) {
  for (Entry& entry : entries_) {
    if (entry.candidate.address == address && entry.candidate.protocol == protocol) return &entry;
  }
  return nullptr;
}

RemoteCandidates::Entry& RemoteCandidates::insert(const Candidate& candidate, bool is_signalled) {
  assert(!is_full() && find(candidate.address, candidate.protocol) == nullptr);
  entries_.push_back({candidate, is_signalled, false});
  return entries_.back();
}

void RemoteCandidates::erase(const net::Endpoint& address, TransportProtocol protocol) {
  std::erase_if(entries_, [&](const Entry& entry) {
    return entry.candidate.address == address && entry.candidate.protocol == protocol;
  });
}

void RemoteCandidates::mark_all_stale() {
  for (Entry& entry : entries_) {
    entry.is_stale = true;
    std::string& foundation = entry.candidate.foundation;
    if (!foundation.starts_with(kStaleFoundation)) foundation.insert(0, kStaleFoundation);
  }
}

std::string RemoteCandidates::next_foundation() { return "prflx" + std::to_string(++learnt_); }

}  // namespace causeway::ice
