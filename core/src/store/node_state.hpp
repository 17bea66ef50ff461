#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "protocol/candidate.hpp"
#include "protocol/messages.hpp"
#include "protocol/node_record.hpp"

/// What survives a restart of the daemon, as plain values. state_codec.hpp writes them, state_directory.hpp
/// keeps them.
namespace causeway::store {

/// Who the node is. Made once, at the first start in a directory.
struct NodeKeys {
  crypto::IdentitySecretKey identity;
  crypto::SessionSecretKey session;
};

/// What the node needs to find its server again.
struct Enrolment {
  std::string token;      ///< join token as text; its secret is zero once enrolled
  bool enrolled = false;  ///< the server has bound our identity
  bool left = false;      ///< `leave` was told: stay disconnected until `join`

  friend bool operator==(const Enrolment&, const Enrolment&) = default;
};

struct NodeState {
  std::optional<Enrolment> enrolment;
  std::string name;                               ///< as the server confirmed it; empty: never registered
  std::optional<net::IpAddress> virtual_address;  ///< of the last registration
  std::optional<net::Prefix> on_link;
  std::optional<net::Prefix> on_link6;            ///< the network's ULA prefix, if it has one
  std::uint64_t record_serial = 0;                ///< of the last node record signed
  std::array<std::uint8_t, 12> timestamp{};       ///< TAI64N; no initiation ever carried a later one
  std::map<net::IpAddress, std::uint16_t> ports;  ///< UDP port bound on each local address
  /// Of the server, as it named them last: what a restarted node goes by until it answers.
  std::vector<net::Endpoint> stun_servers;
  std::vector<protocol::TurnServer> turn_servers;
  std::vector<net::Endpoint> user_candidates;  ///< `causeway candidate add`

  friend bool operator==(const NodeState&, const NodeState&) = default;
};

/// Another node as last seen, enough to reach it again while every server is down.
struct KnownPeer {
  net::IpAddress virtual_address;
  std::string user;               ///< whose node it is, by the server's word
  protocol::SignedRecord record;  ///< as received; verify it again on use, it may have expired
  bool in_use = false;            ///< was being reached: to be reached again at once
  std::string local_ufrag;        ///< our newest ICE username fragment for it; empty: never reached
  std::vector<std::string> past_local_ufrags;       ///< those before it, newest last
  std::string remote_ufrag;                         ///< its newest for us
  std::vector<std::string> past_remote_ufrags;      ///< its earlier ones, newest last
  std::vector<protocol::WireCandidate> candidates;  ///< its own, highest priority first
  /// A pair of addresses that carried data, best first.
  struct Path {
    net::IpAddress local;
    net::Endpoint remote;
    friend bool operator==(const Path&, const Path&) = default;
  };
  std::vector<Path> paths;

  friend bool operator==(const KnownPeer&, const KnownPeer&) = default;
};

inline constexpr std::size_t kMaxRememberedServers = 16;
inline constexpr std::size_t kMaxKnownPeers = 10'000;
inline constexpr std::size_t kMaxRememberedPaths = 8;       ///< per peer
inline constexpr std::size_t kMaxRememberedUfrags = 8;      ///< per peer, of the past
inline constexpr std::size_t kMaxRememberedCandidates = 8;  ///< per peer
inline constexpr std::size_t kMaxUfragBytes = 256;          ///< RFC 8839 §5.4
inline constexpr std::size_t kMaxUserCandidates = 8;
inline constexpr std::size_t kMaxRememberedPorts = 64;  ///< local addresses come and go on a roaming node

}  // namespace causeway::store
