#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/messages.hpp"
#include "dataplane/stage.hpp"
#include "packet/compact_header.hpp"
#include "session/keypair.hpp"

namespace causeway::dataplane {

/// All that one data loop knows of one peer. Its address is stable while the peer exists.
struct Peer {
  Peer(const AddPeer& added, StageBudget& budget)
      : id(added.peer), kind(added.kind), counters(added.counters), stage(budget) {}

  PeerId id;
  session::PeerKind kind;
  std::shared_ptr<PeerCounters> counters;
  session::KeypairSlots keys;
  std::optional<DataPath> path;
  std::optional<DataPath> also;   ///< gets a copy of everything, while there is doubt about `path`
  std::uint16_t mtu = 0;          ///< of the path; less once the kernel refused a size
  std::size_t inner_limit = 0;    ///< the longest inner packet that fits this MTU in a type-4 message
  std::size_t compact_limit = 0;  ///< the longest plaintext that fits it in a compact message
  packet::ImpliedAddresses implied;
  /// The longest ordinary packet that can be sent to it as things stand; unlimited without a path.
  std::size_t most_inner_bytes(bool is_v4) const;
  /// Whether the forwarding table agrees that the implied addresses are the peer's and ours.
  bool implied_v4_is_allowed = false, implied_v6_is_allowed = false;
  Stage stage;  ///< not empty only while there is no keypair or path

  // What was said to the control thread, so that it is not said too often.
  std::optional<SteadyTime> session_wanted_at;
  std::optional<SteadyTime> path_failed_at;
  std::optional<SteadyTime> size_refused_at;
  /// Where control believes it to be: the newest SetPath, or what it was told since.
  std::optional<std::pair<net::BaseId, net::Endpoint>> known_place;
};

/// The longest inner packet that a type-4 message carries within `mtu` bytes of IP: outer headers, message
/// header and tag take 60 bytes, over IPv6 80.
std::size_t inner_limit(std::uint16_t mtu, const net::Endpoint& remote);
/// The longest plaintext of a compact message: outer headers, message header and tag take 52 bytes, over IPv6
/// 72.
std::size_t compact_limit(std::uint16_t mtu, const net::Endpoint& remote);

/// The next MTU worth trying when a datagram of `ip_bytes` was refused (RFC 1191 §7, with the sizes that
/// today's links have).
std::uint16_t next_lower_mtu(std::size_t ip_bytes);

}  // namespace causeway::dataplane
