#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "history/path_history.hpp"
#include "ice/agent.hpp"
#include "peer/local_base.hpp"
#include "peer/peer_paths.hpp"

namespace causeway::peer {

/// What the paths of one peer teach the store of history. It looks at their counters now and then, so nobody
/// has to tell it of each probe. Control thread; owned by the peer.
class PathRecorder {
 public:
  /// Bytes of this peer in either direction, since ever.
  struct Traffic {
    std::uint64_t sent = 0, received = 0;
  };
  /// Whose paths, and where they are remembered; no store: only rates are measured.
  struct Subject {
    history::PathHistory* store = nullptr;
    std::optional<crypto::IdentityPublicKey> identity;
    std::string name;
  };
  explicit PathRecorder(const LocalBases& bases) : bases_(bases) {}

  /// Call often: it does something every kEvery.
  void observe(const Subject& subject, PeerPaths& paths, const ice::Agent& agent, Traffic traffic, Now now);
  /// The agent goes: what has not been recorded is.
  void finish(const Subject& subject, PeerPaths& paths, const ice::Agent& agent, Traffic traffic, Now now);
  /// This machine slept: that paths ended is no fault of theirs.
  void forgive(const PeerPaths& paths);

  /// Which paths the history takes it for; nullopt: the base is gone.
  std::optional<store::PathKey> key_of(net::BaseId base, const net::IpAddress& remote) const;

  static constexpr Duration kEvery = std::chrono::seconds(2);

 private:
  /// One path, and what was recorded of it.
  struct Track {
    store::PathKey key;
    std::string local_type, remote_type;
    SteadyTime valid_since{};
    std::uint64_t answers = 0, losses = 0;
    std::uint32_t disconnects = 0;
  };
  void record(const Subject& subject, PeerPaths& paths, const ice::Agent& agent, Traffic traffic, Now now);
  void pass_over(const PeerPaths& paths, const ice::Agent& agent);
  Track* track_of(ice::PairId pair, const ice::Agent& agent);
  void record_path(const Subject& subject, Track& track, const PeerPaths::Entry& entry, Duration passed,
                   WallTime now) const;
  void record_failures(const Subject& subject, const PeerPaths& paths, const ice::Agent& agent, WallTime now);

  const LocalBases& bases_;
  std::map<ice::PairId, Track> tracks_;
  std::vector<store::PathKey> failed_;  ///< counted in this generation of the agent
  std::optional<SteadyTime> observed_;
  unsigned rounds_ = 0;
  std::optional<ice::PairId> carrier_;  ///< selected when traffic_ was read
  Traffic traffic_;
};

}  // namespace causeway::peer
