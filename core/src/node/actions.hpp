#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "dataplane/messages.hpp"
#include "ice/candidate.hpp"
#include "link/server_link_fsm.hpp"
#include "net/endpoint.hpp"
#include "path/path.hpp"
#include "peer/peer.hpp"
#include "store/friend_state.hpp"
#include "store/history_state.hpp"
#include "store/node_state.hpp"

/// All that a node asks of the world around it. The driver obeys in order.
namespace causeway::node {

/// Give the virtual NIC this address; repeated calls change it.
struct ConfigureInterface {
  net::IpAddress address;
  net::Prefix on_link;
  std::optional<net::IpAddress> address6 = {};  ///< with on_link6, or neither
  std::optional<net::Prefix> on_link6 = {};
};
struct ClearInterface {};
/// Addresses behind a stock WireGuard peer, with the MTU its data format leaves.
struct AddRoute {
  net::Prefix destination;
  std::uint16_t mtu = 0;
};
/// Names that NAME.cw resolves to, all of them.
struct PublishNames {
  std::vector<std::pair<std::string, net::IpAddress>> names;
};
/// The STUN servers that candidate sources may ask.
struct UpdateSources {
  std::vector<net::Endpoint> stun_servers;
};
/// The TURN servers that transport plugins may use, with the newest credentials for this node; in place of
/// those told before. Not checked beyond their form: the URIs name hosts of the server's choice.
struct UpdateRelays {
  std::vector<protocol::TurnServer> turn_servers;
};
struct RankCandidates {
  std::uint64_t generation = 0;
  std::vector<ice::Candidate> candidates;
};
struct ScorePeerPaths {
  dataplane::PeerId peer = dataplane::PeerId::none;
  std::string name;
  std::uint64_t round = 0;
  plugin::FriendTier tier = plugin::FriendTier::unknown;
  std::vector<path::PathView> paths;
  std::vector<std::uint32_t> dead;  ///< those on which data is lost
};
/// What happened to the choice of a peer's path, while choices are told.
struct TellChoice {
  std::string peer;
  std::shared_ptr<const peer::PathChoice> choice;
};
/// A STUN message that belongs to no peer: maybe to a candidate source.
struct OfferToSources {
  net::BaseId base = net::BaseId::none;
  net::Endpoint from;
  Bytes bytes;
};
/// To be on disk before the next action is obeyed.
struct SaveState {
  store::NodeState state;
};
/// No later stamp has been used; to be on disk before the next action is obeyed.
struct CoverTimestamp {
  session::Tai64n stamp;
};
/// To be on disk before the next action is obeyed.
struct SaveFriends {
  store::FriendState friends;
};
/// What is known of other nodes, to be on disk soon: a cache, which may be some seconds old after a crash.
struct SaveKnownPeers {
  std::vector<store::KnownPeer> peers;
};
/// What is remembered of paths, to be on disk soon: a cache, too. Empty: nothing is to be kept.
struct SaveHistory {
  std::vector<store::PeerHistory> history;
};
/// The end of add_friend() or remove_friend().
struct FriendAnswered {
  std::uint64_t ticket = 0;
  std::string user;   ///< who was meant; empty on an error
  std::string error;  ///< for the user
};
/// The server refused the token or identity: a daemon that was just told to join ends with this error.
struct JoinRefused {
  std::string reason;
};
/// leave() is complete.
struct Left {};

using NodeAction = std::variant<peer::SendDatagram, dataplane::Command, link::OpenConnection, link::SendLine,
                                link::CloseConnection, ConfigureInterface, ClearInterface, AddRoute,
                                PublishNames, UpdateSources, UpdateRelays, RankCandidates, ScorePeerPaths,
                                TellChoice, OfferToSources, SaveState, CoverTimestamp, SaveFriends,
                                SaveKnownPeers, SaveHistory, FriendAnswered, JoinRefused, Left>;

}  // namespace causeway::node
