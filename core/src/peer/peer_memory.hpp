#pragma once

#include <string>
#include <vector>

#include "ice/candidate.hpp"
#include "net/endpoint.hpp"

namespace causeway::peer {

/// What a node knows of one peer's ICE generations beyond the life of an agent, so that the two find each
/// other again while no server can introduce them. Plain values; bounded by the constants below.
struct PeerMemory {
  /// A pair of addresses that carried data.
  struct Path {
    net::IpAddress local;
    net::Endpoint remote;
    friend bool operator==(const Path&, const Path&) = default;
  };

  std::string local_ufrag;  ///< of our newest generation; empty: there was none
  /// Of those before it, newest last: which one the peer has stored is not known to us.
  std::vector<std::string> past_local_ufrags;
  std::string remote_ufrag;  ///< of the peer's newest; empty: not known
  std::vector<std::string>
      past_remote_ufrags;                  ///< its earlier ones, newest last: replays of them are no news
  std::vector<ice::Candidate> candidates;  ///< the peer's, highest priority first
  std::vector<Path> paths;                 ///< best first

  bool is_empty() const { return local_ufrag.empty() && remote_ufrag.empty() && paths.empty(); }
  friend bool operator==(const PeerMemory&, const PeerMemory&) = default;
};

inline constexpr std::size_t kMaxRememberedUfrags = 8;
/// Of our own. A peer falls back further only after it was killed so often within seconds, each time.
inline constexpr std::size_t kMaxFormerUfrags = 4;
inline constexpr std::size_t kMaxRememberedCandidates = 8;
inline constexpr std::size_t kMaxRememberedPaths = 8;

}  // namespace causeway::peer
