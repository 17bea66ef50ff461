#include "ice/checklist.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace causeway::ice {

CandidatePair* Checklist::find(PairId id) {
  const auto found = pairs_.find(id);
  return found == pairs_.end() ? nullptr : &found->second;
}

const CandidatePair* Checklist::find(PairId id) const {
  const auto found = pairs_.find(id);
  return found == pairs_.end() ? nullptr : &found->second;
}

CandidatePair* Checklist::find(net::BaseId base, const net::Endpoint& remote) {
  for (auto& [id, pair] : pairs_) {
    if (pair.local.base == base && pair.remote.address == remote) return &pair;
  }
  return nullptr;
}

CandidatePair* Checklist::form(const Candidate& local, const Candidate& remote, Role role,
                               bool is_triggered) {
  if (!can_pair(local, remote) || find(local.base, remote.address) != nullptr) return nullptr;
  CandidatePair made;
  made.local = local;
  made.remote = remote;
  made.set_priority(role);
  if (pairs_.size() >= max_pairs_ && !make_room(made.priority, is_triggered)) return nullptr;
  made.id = PairId{++last_id_};
  return &pairs_.emplace(made.id, std::move(made)).first->second;
}

// RFC 8445 §6.1.2.5: the lowest pairs go. One that is or was valid, or is under way, stays.
bool Checklist::make_room(std::uint64_t priority, bool is_triggered) {
  const CandidatePair* lowest = nullptr;
  for (const auto& [id, pair] : pairs_) {
    if (pair.was_valid || pair.state == PairState::in_progress) continue;
    if (std::find(triggered_.begin(), triggered_.end(), id) != triggered_.end()) continue;
    if (lowest == nullptr || pair.priority < lowest->priority) lowest = &pair;
  }
  if (lowest == nullptr || (!is_triggered && lowest->priority >= priority)) return false;
  erase(lowest->id);
  return true;
}

void Checklist::erase(PairId id) {
  untrigger(id);
  pairs_.erase(id);
}

void Checklist::rank_again(Role role) {
  for (auto& [id, pair] : pairs_) {
    pair.set_priority(role);
  }
}

void Checklist::unfreeze(const std::string& foundation) {
  for (auto& [id, pair] : pairs_) {
    if (pair.state == PairState::frozen && pair.foundation() == foundation) pair.state = PairState::waiting;
  }
}

void Checklist::unfreeze_idle_foundations() {
  const bool has_frozen = std::any_of(pairs_.begin(), pairs_.end(), [](const auto& entry) {
    return entry.second.state == PairState::frozen;
  });
  if (!has_frozen) return;  // most of the time, and this is called at every event
  std::set<std::string> busy;
  std::set<std::string> proven;
  std::map<std::string, CandidatePair*> highest;
  for (auto& [id, pair] : pairs_) {
    switch (pair.state) {
      case PairState::waiting:
      case PairState::in_progress:
        busy.insert(pair.foundation());
        break;
      case PairState::succeeded:
        proven.insert(pair.foundation());
        break;
      case PairState::frozen: {
        CandidatePair*& best = highest[pair.foundation()];
        if (best == nullptr || pair.priority > best->priority) best = &pair;
        break;
      }
      case PairState::failed:
        break;
    }
  }
  for (const auto& [foundation, pair] : highest) {
    if (proven.contains(foundation)) {
      unfreeze(foundation);
    } else if (!busy.contains(foundation)) {
      pair->state = PairState::waiting;
    }
  }
}

void Checklist::restart() {
  triggered_.clear();
  for (auto& [id, pair] : pairs_) {
    pair.state = PairState::frozen;
    pair.check.reset();
    pair.nominated_by_peer.reset();
    pair.lost_in_row = 0;
    if (!pair.is_valid) pair.next_probe.reset();
  }
}

void Checklist::trigger(PairId id) {
  if (std::find(triggered_.begin(), triggered_.end(), id) == triggered_.end()) triggered_.push_back(id);
}

void Checklist::untrigger(PairId id) { std::erase(triggered_, id); }

std::vector<const CandidatePair*> Checklist::waiting() const {
  std::vector<const CandidatePair*> found;
  for (const auto& [id, pair] : pairs_) {
    if (pair.state == PairState::waiting) found.push_back(&pair);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto* a, const auto* b) { return a->priority > b->priority; });
  return found;
}

std::size_t Checklist::active_count() const {
  return static_cast<std::size_t>(std::count_if(pairs_.begin(), pairs_.end(), [](const auto& entry) {
    return entry.second.state == PairState::waiting || entry.second.state == PairState::in_progress;
  }));
}

bool Checklist::has_unfinished(bool counts_learnt) const {
  return std::any_of(pairs_.begin(), pairs_.end(), [counts_learnt](const auto& entry) {
    const CandidatePair& pair = entry.second;
    return pair.is_active() && (counts_learnt || pair.remote.type != CandidateType::peer_reflexive);
  });
}

bool Checklist::has_valid() const {
  return std::any_of(pairs_.begin(), pairs_.end(), [](const auto& entry) { return entry.second.is_valid; });
}

}  // namespace causeway::ice
