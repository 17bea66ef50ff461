#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "dataplane/carrier.hpp"
#include "dataplane/peer_counters.hpp"
#include "net/endpoint.hpp"
#include "session/keypair.hpp"
#include "session/session.hpp"

/// All that the control thread and the data loops say to each other. Both directions go through bounded
/// queues. With several loops a peer belongs to one of them: commands about a peer go to that one, all others
/// to every loop.
namespace causeway::dataplane {

/// Names a peer between control and data. Never 0, never reused in a process.
enum class PeerId : std::uint32_t { none = 0 };

/// Where a peer's packets go now.
struct DataPath {
  net::BaseId base = net::BaseId::none;
  net::Endpoint remote;
  std::uint16_t mtu = 1500;  ///< IP bytes that this path carries, outer headers included
  friend bool operator==(const DataPath&, const DataPath&) = default;
};

/// Which peer owns which inner addresses: out, the destination picks the peer; in, the source must belong to
/// it. Longest prefix wins. Immutable: replaced as a whole.
struct ForwardingEntry {
  net::Prefix prefix;
  PeerId peer = PeerId::none;
  std::uint8_t loop = 0;  ///< the data loop that owns the peer
};
struct ForwardingSnapshot {
  std::vector<net::IpAddress> local_addresses;  ///< our virtual addresses
  std::vector<net::Prefix> on_link;  ///< where unknown destinations are worth asking the server for
  std::vector<ForwardingEntry> entries;
};

/// More loops than this are of no use to anybody, and their numbers fit the receiver index's low bits.
inline constexpr unsigned kMostLoops = 64;

// ---- control → data loop ----
struct AddBase {
  net::BaseId base;
  std::shared_ptr<Carrier> carrier;
};
struct RemoveBase {
  net::BaseId base;
};
struct AddPeer {
  PeerId peer;
  session::PeerKind kind;
  std::shared_ptr<PeerCounters> counters;
  std::uint8_t loop = 0;  ///< which data loop owns it, for good: its receiver indices say the same
};
struct RemovePeer {
  PeerId peer;
};
struct SetForwarding {
  std::shared_ptr<const ForwardingSnapshot> table;
};
/// What a compact message leaves out: both ends' virtual addresses of one IP version.
struct VirtualPair {
  net::IpAddress local, remote;
  friend bool operator==(const VirtualPair&, const VirtualPair&) = default;
};
struct InstallPeerKeypair {
  PeerId peer;
  session::KeypairMaterial material;
  std::optional<VirtualPair> v4 = {}, v6 = {};  ///< without one, packets of that version travel whole
};
struct ErasePeerKeypairs {
  PeerId peer;
};
struct SetPath {
  PeerId peer;
  std::optional<DataPath> path;
  /// Whether the path still works is being found out: each datagram goes here as well, and the receiver's
  /// replay window takes one of the two.
  std::optional<DataPath> also = {};
};
/// A message between the two control threads, to be sealed and sent on this path, whether it is in use or
/// not. Nothing is sent without a keypair for compact messages.
struct SendPathMessage {
  PeerId peer;
  net::BaseId base;
  net::Endpoint remote;
  Bytes plaintext;  ///< begins with packet::kCompactPathMessage
};
struct SendPeerKeepalive {
  PeerId peer;
};
/// Nobody has this address, or it can't be reached: what waits for it is dropped, and ICMP tells the senders.
struct RefuseDestination {
  net::IpAddress destination;
};
using Command =
    std::variant<AddBase, RemoveBase, AddPeer, RemovePeer, SetForwarding, InstallPeerKeypair,
                 ErasePeerKeypairs, SetPath, SendPathMessage, SendPeerKeepalive, RefuseDestination>;

// ---- data loop → control ----
/// A datagram that the data loop does not handle itself; copied, at most 1,500 bytes (longer ones are
/// dropped).
struct ControlDatagram {
  enum class Class : std::uint8_t { stun, handshake };
  Class datagram_class;
  net::BaseId base;
  net::Endpoint from;
  Bytes bytes;
};
/// A packet waits for an on-link address that no peer has. Said once per address and second.
struct PeerWanted {
  net::IpAddress destination;
};
/// A packet waits for a peer without usable keypair or path. Said once per peer and second.
struct SessionWanted {
  PeerId peer;
};
/// The first packet under a responder's keypair was opened.
struct KeypairConfirmed {
  PeerId peer;
  std::uint32_t local_index;
};
/// Keypairs that left the slots: their indices may be released.
struct KeypairDropped {
  PeerId peer;
  std::uint32_t local_index;
};
/// An authentic packet came from elsewhere than the peer's path (WireGuard's roaming). Once per change.
struct PeerMoved {
  PeerId peer;
  net::BaseId base;
  net::Endpoint remote;
};
/// Sending by the peer's path failed: the pair is dead for now. Once per path and second.
struct PathFailed {
  PeerId peer;
  DataPath path;
  SendStatus status;
  int error;
};
/// The kernel refuses a size that the path was said to carry: a router has told it of a smaller one. Once per
/// path and second.
struct SizeRefused {
  PeerId peer;
  net::BaseId base;
  net::Endpoint remote;
};
/// A path message of the peer was opened. Of a long one (they are padded) only the beginning is copied.
struct PathMessageReceived {
  PeerId peer;
  net::BaseId base;
  net::Endpoint from;
  Bytes beginning;           ///< at most kMostPathMessageBytes; begins with packet::kCompactPathMessage
  std::size_t bytes_in_all;  ///< of the plaintext
};
inline constexpr std::size_t kMostPathMessageBytes = 1024;
using Event = std::variant<ControlDatagram, PeerWanted, SessionWanted, KeypairConfirmed, KeypairDropped,
                           PeerMoved, PathFailed, SizeRefused, PathMessageReceived>;

}  // namespace causeway::dataplane
