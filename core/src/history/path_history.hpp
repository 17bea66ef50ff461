#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "ice/candidate.hpp"
#include "path/path.hpp"
#include "store/history_state.hpp"

namespace causeway::history {

/// The store of path history (spec U3.5, U5, V6): of each peer the paths that were used or tried, with
/// figures that fade. Bounded: where room is short, what is worth least goes, within the peer first. Control
/// thread; owned by the node; values in and out, files are others' work.
class PathHistory {
 public:
  struct Limits {
    std::size_t peers = store::kMaxHistoryPeers;
    std::size_t paths_per_peer = store::kMaxHistoryPathsPerPeer;
    std::size_t paths = store::kMaxHistoryPaths;
    /// What was last used, or tried, longer ago is dropped.
    Duration forget_after = std::chrono::hours(24 * 30);
  };
  PathHistory(Limits limits, std::vector<store::PeerHistory> stored, WallTime now);

  /// The record of these paths, made if there is none; valid until the next call that is not const. Changes
  /// by it count as news.
  store::PathRecord& record(const crypto::IdentityPublicKey& peer, const store::PathKey& key, WallTime now);
  /// What to call this peer.
  void set_name(const crypto::IdentityPublicKey& peer, const std::string& name);

  /// Of these paths, or else the most worth of those near to them.
  std::optional<path::History> find(const crypto::IdentityPublicKey& peer, const store::PathKey& key,
                                    WallTime now) const;
  /// What such a path is expected to cost, in ms; nullopt: not known, or bad.
  std::optional<double> expected_cost(const crypto::IdentityPublicKey& peer, const store::PathKey& key,
                                      WallTime now) const;

  /// Drops what is too old.
  void forget_old(WallTime now);
  void set_forget_after(Duration after, WallTime now);

  /// record() was called, or something was dropped, since the last snapshot().
  bool has_news() const { return has_news_; }
  /// To be stored; by identity.
  std::vector<store::PeerHistory> snapshot();
  const std::map<crypto::IdentityPublicKey, store::PeerHistory>& peers() const { return peers_; }
  std::size_t path_count() const { return paths_; }

 private:
  struct Found {
    const store::PathRecord* record = nullptr;
    path::History::Scope scope = path::History::Scope::same;
  };
  Found look_up(const crypto::IdentityPublicKey& peer, const store::PathKey& key, WallTime now) const;
  void make_room(const crypto::IdentityPublicKey& peer, WallTime now);
  void drop_least_peer(const crypto::IdentityPublicKey& except, WallTime now);

  Limits limits_;
  std::map<crypto::IdentityPublicKey, store::PeerHistory> peers_;
  std::size_t paths_ = 0;
  bool has_news_ = false;
};

}  // namespace causeway::history
