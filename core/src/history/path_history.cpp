#include "history/path_history.hpp"

#include <algorithm>
#include <utility>

#include "history/path_figures.hpp"
#include "history/path_key.hpp"

namespace causeway::history {
namespace {

double worth_of_all(const store::PeerHistory& peer, WallTime now) {
  double worth = 0;
  for (const store::PathRecord& path : peer.paths)
    worth += worth_of(path, now);
  return worth;
}

}  // namespace

PathHistory::PathHistory(Limits limits, std::vector<store::PeerHistory> stored, WallTime now)
    : limits_(limits) {
  for (store::PeerHistory& peer : stored) {
    if (peer.paths.empty()) continue;
    const crypto::IdentityPublicKey identity = peer.identity;
    paths_ += peer.paths.size();
    peers_.insert_or_assign(identity, std::move(peer));
  }
  forget_old(now);
  has_news_ = false;
}

store::PathRecord& PathHistory::record(const crypto::IdentityPublicKey& identity, const store::PathKey& key,
                                       WallTime now) {
  has_news_ = true;
  const auto with_key = [&key](const store::PathRecord& path) { return path.key == key; };
  if (const auto known = peers_.find(identity); known != peers_.end()) {
    auto& paths = known->second.paths;
    if (const auto at = std::find_if(paths.begin(), paths.end(), with_key); at != paths.end()) return *at;
  }
  make_room(identity, now);
  store::PeerHistory& peer = peers_[identity];
  peer.identity = identity;
  ++paths_;
  store::PathRecord& made = peer.paths.emplace_back();
  made.key = key;
  made.local_type = made.remote_type = "host";
  made.updated = now;
  return made;
}

void PathHistory::make_room(const crypto::IdentityPublicKey& identity, WallTime now) {
  const auto known = peers_.find(identity);
  if (known != peers_.end() && known->second.paths.size() >= limits_.paths_per_peer) {
    auto& paths = known->second.paths;
    paths.erase(std::min_element(paths.begin(), paths.end(), [now](const auto& a, const auto& b) {
      return worth_of(a, now) < worth_of(b, now);
    }));
    --paths_;
  }
  if (known == peers_.end() && peers_.size() >= limits_.peers) drop_least_peer(identity, now);
  if (paths_ >= limits_.paths) drop_least_peer(identity, now);
}

void PathHistory::drop_least_peer(const crypto::IdentityPublicKey& except, WallTime now) {
  auto least = peers_.end();
  double least_worth = 0;
  for (auto at = peers_.begin(); at != peers_.end(); ++at) {
    if (at->first == except) continue;
    const double worth = worth_of_all(at->second, now);
    if (least != peers_.end() && worth >= least_worth) continue;
    least = at;
    least_worth = worth;
  }
  if (least == peers_.end()) return;
  paths_ -= least->second.paths.size();
  peers_.erase(least);
}

void PathHistory::set_name(const crypto::IdentityPublicKey& identity, const std::string& name) {
  if (const auto known = peers_.find(identity); known != peers_.end()) known->second.name = name;
}

PathHistory::Found PathHistory::look_up(const crypto::IdentityPublicKey& identity, const store::PathKey& key,
                                        WallTime now) const {
  const auto known = peers_.find(identity);
  if (known == peers_.end()) return {};
  Found found;
  for (const store::PathRecord& path : known->second.paths) {
    if (path.key == key) return {&path, path::History::Scope::same};
    if (!are_near(path.key, key)) continue;
    if (found.record == nullptr || worth_of(path, now) > worth_of(*found.record, now))
      found = {&path, path::History::Scope::near};
  }
  return found;
}

std::optional<path::History> PathHistory::find(const crypto::IdentityPublicKey& peer,
                                               const store::PathKey& key, WallTime now) const {
  const Found found = look_up(peer, key, now);
  if (found.record == nullptr) return std::nullopt;
  return view_of(*found.record, found.scope, now);
}

std::optional<double> PathHistory::expected_cost(const crypto::IdentityPublicKey& peer,
                                                 const store::PathKey& key, WallTime now) const {
  const Found found = look_up(peer, key, now);
  return found.record == nullptr ? std::nullopt : history::expected_cost(*found.record);
}

void PathHistory::forget_old(WallTime now) {
  const auto is_old = [&](const store::PathRecord& path) {
    return now - std::max(path.worked, path.updated) > limits_.forget_after;
  };
  for (auto& [identity, peer] : peers_) {
    const std::size_t dropped = std::erase_if(peer.paths, is_old);
    paths_ -= dropped;
    has_news_ |= dropped > 0;
  }
  std::erase_if(peers_, [](const auto& item) { return item.second.paths.empty(); });
}

void PathHistory::set_forget_after(Duration after, WallTime now) {
  limits_.forget_after = after;
  forget_old(now);
}

std::vector<store::PeerHistory> PathHistory::snapshot() {
  has_news_ = false;
  std::vector<store::PeerHistory> snapshot;
  for (const auto& [identity, peer] : peers_)
    snapshot.push_back(peer);
  return snapshot;
}

}  // namespace causeway::history
