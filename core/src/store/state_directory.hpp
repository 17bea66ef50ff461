#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "store/directory_lock.hpp"
#include "store/friend_state.hpp"
#include "store/history_state.hpp"
#include "store/node_state.hpp"

namespace causeway::store {

/// The daemon's DIR: keys.json, state.json, peers.json, friends.json, history.json (all 0600), version, lock.
/// Holds the lock while it lives. Every save is atomic and on disk when it returns. A damaged file is an
/// error that says what to do, never replaced silently; peers.json and history.json, which are filled again
/// by themselves, are moved aside. One thread at a time.
class StateDirectory {
 public:
  /// Makes the directory (0700) and the keys when there are none. Errors: no permission or read-only, in use
  /// by another process, of another version, damaged, writable by others.
  static Result<StateDirectory> open(const std::filesystem::path& directory, RandomSource& random);

  const std::filesystem::path& path() const { return path_; }
  const NodeKeys& keys() const { return keys_; }
  const NodeState& state() const { return state_; }
  const std::vector<KnownPeer>& known_peers() const { return known_peers_; }
  const FriendState& friends() const { return friends_; }
  /// As it was when the directory was opened.
  const std::vector<PeerHistory>& history() const { return history_; }

  /// These change one part of state() and write it, if it is not the same already.
  Result<void> save_enrolment(std::optional<Enrolment> enrolment);
  Result<void> save_address(std::string name, const net::IpAddress& address, const net::Prefix& on_link);
  /// After a deregistration: the address is somebody else's to have.
  Result<void> forget_address();
  Result<void> save_record_serial(std::uint64_t serial);
  /// Remembers the port of one local address. Beyond kMaxRememberedPorts an arbitrary other one is forgotten.
  Result<void> save_port(const net::IpAddress& local, std::uint16_t port);
  Result<void> save_state(NodeState state);
  /// At most kMaxKnownPeers and kMaxRememberedPaths are kept, the first ones, and what fits the file.
  Result<void> save_known_peers(std::vector<KnownPeer> peers);
  Result<void> save_friends(FriendState friends);
  /// An empty one removes the file.
  Result<void> save_history(const std::vector<PeerHistory>& history);

 private:
  StateDirectory(std::filesystem::path path, DirectoryLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  Result<void> load(RandomSource& random);
  Result<void> load_keys(RandomSource& random);
  void load_known_peers();
  void load_history();
  void move_aside(const std::filesystem::path& file, const Error& why) const;

  std::filesystem::path path_;
  DirectoryLock lock_;
  NodeKeys keys_;
  NodeState state_;
  std::vector<KnownPeer> known_peers_;
  FriendState friends_;
  std::vector<PeerHistory> history_;
};

}  // namespace causeway::store
