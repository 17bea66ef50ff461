#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"

/// What is kept of paths beyond their life, as plain values. docs/history.md has units and formulas.
namespace causeway::store {

/// Paths that are one to the history. No ports: mappings of NATs change with every connection.
struct PathKey {
  std::string network;                  ///< the local one; history::network_name() makes it
  std::string transport;                ///< "udp", "turn-udp", …
  std::optional<net::IpAddress> relay;  ///< our address on a relay; none: it leaves by a NIC
  net::Prefix remote;                   ///< the remote address, of IPv6 its /64
  friend bool operator==(const PathKey&, const PathKey&) = default;
};

/// Figures as of `updated`; from then on they fade.
struct PathRecord {
  PathKey key;
  std::string local_type, remote_type;  ///< of the newest pair: host, srflx, prflx, relay
  WallTime updated{};
  WallTime worked{};  ///< when it was valid last; the epoch: never
  double answers = 0, losses = 0;
  double rtt_us = 0, jitter_us = 0;  ///< means over the answers
  double rate_bytes_per_s = 0;       ///< 0: it carried nothing
  double successes = 0, failures = 0;
  double disconnects = 0;
  double working_s = 0;
  friend bool operator==(const PathRecord&, const PathRecord&) = default;
};

struct PeerHistory {
  crypto::IdentityPublicKey identity;
  std::string name;  ///< as it was called last
  std::vector<PathRecord> paths;
  friend bool operator==(const PeerHistory&, const PeerHistory&) = default;
};

inline constexpr std::size_t kMaxHistoryPeers = 512;
inline constexpr std::size_t kMaxHistoryPathsPerPeer = 16;
inline constexpr std::size_t kMaxHistoryPaths = 4096;  ///< of all peers
inline constexpr std::size_t kMaxHistoryFileBytes = 8 * 1024 * 1024;
inline constexpr std::size_t kMaxNetworkNameBytes = 128;
inline constexpr std::size_t kMaxTransportBytes = 32;

}  // namespace causeway::store
