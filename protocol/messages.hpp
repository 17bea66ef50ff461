#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "protocol/candidate.hpp"
#include "protocol/json.hpp"
#include "protocol/node_record.hpp"
#include "protocol/path_report.hpp"

/// The parameters and results of each method (docs/protocol.md §1). parse() takes the "params" or "result"
/// object of any sender: every member is checked, unknown ones are ignored, and the error names the member.
namespace causeway::protocol {

inline constexpr std::string_view kAlpn = "causeway/1";
inline constexpr std::string_view kExporterLabel = "EXPORTER-Channel-Binding";  // RFC 9266
inline constexpr std::size_t kExporterBytes = 32;
inline constexpr std::size_t kMaxQueryAddresses = 1024;
inline constexpr std::size_t kMaxFriends = 400;             // of one user: both lists of names fit a line
inline constexpr std::size_t kMaxSubscribeAddresses = 256;  // of one request
inline constexpr std::size_t kMaxUfragBytes = 256;          // RFC 8445 §5.3: 4 to 256 ice-chars

namespace method {
inline constexpr std::string_view kAuthenticate = "authenticate";
inline constexpr std::string_view kRegister = "register";
inline constexpr std::string_view kUpdate = "update";
inline constexpr std::string_view kQuery = "query";
inline constexpr std::string_view kConnect = "connect";
inline constexpr std::string_view kSubscribe = "subscribe";
inline constexpr std::string_view kUnsubscribe = "unsubscribe";
inline constexpr std::string_view kSubscriptionAnswer = "subscription.answer";
inline constexpr std::string_view kSubscriptionRequest = "subscription.request";
inline constexpr std::string_view kSubscriptionChanged = "subscription.changed";
inline constexpr std::string_view kReport = "report";
inline constexpr std::string_view kDeregister = "deregister";
inline constexpr std::string_view kFriendsList = "friends.list";
inline constexpr std::string_view kFriendsAdd = "friends.add";
inline constexpr std::string_view kFriendsRemove = "friends.remove";
inline constexpr std::string_view kPing = "ping";
inline constexpr std::string_view kConnectOffer = "connect.offer";
inline constexpr std::string_view kPeerChanged = "peer.changed";
inline constexpr std::string_view kFriendsChanged = "friends.changed";
inline constexpr std::string_view kTurnChanged = "turn.changed";
inline constexpr std::string_view kShutdown = "shutdown";
}  // namespace method

/// "causeway auth 1" ‖ 0x00 ‖ network ‖ 0x00 ‖ exporter: what the identity signs to authenticate on this TLS
/// session.
Bytes authentication_payload(std::string_view network, ByteView exporter);

struct AuthenticateParams {
  std::string network;
  crypto::IdentityPublicKey identity;
  crypto::Ed25519Signature signature{};
  std::optional<std::string> token = {};  ///< the secret of the join token, while not enrolled
  std::optional<std::string> name = {};   ///< wished
  std::string version;                    ///< "causeway/0.1.0"

  Json to_json() const;
  static Result<AuthenticateParams> parse(const Json& params);
};

/// In `permissions`: which nodes this one may reach.
inline constexpr std::string_view kReachAll = "reach";
inline constexpr std::string_view kReachFriends = "reach-friends";  ///< own and mutual friends' only

struct AuthenticateResult {
  std::string name;
  std::string user;
  std::vector<std::string> friends;
  std::vector<std::string> permissions;
  std::uint32_t keepalive_s = 60;
  std::vector<std::string> pending = {};  ///< those of `friends` who have not listed this user

  Json to_json() const;
  static Result<AuthenticateResult> parse(const Json& result);
};

struct RegisterParams {
  crypto::SessionPublicKey session_key;
  std::vector<WireCandidate> candidates;
  std::optional<SignedRecord> record = {};
  /// The answers that this node gave to subscribers in an earlier registration hold; else each is asked about
  /// anew.
  bool keep_subscribers = false;

  Json to_json() const;
  static Result<RegisterParams> parse(const Json& params);
};

/// A TURN server with credentials that end (draft-uberti-behave-turn-rest).
struct TurnServer {
  std::string uri;
  std::string username;
  std::string password;
  std::int64_t expires = 0;  ///< unix seconds; 0: they do not end

  friend bool operator==(const TurnServer&, const TurnServer&) = default;
};

inline constexpr std::size_t kMaxTurnServers = 16;
inline constexpr std::size_t kMaxTurnUriBytes = 300;  // scheme, a host name of 253, port, transport

/// turn.changed: the TURN servers in place of those told before.
struct TurnChanged {
  std::vector<TurnServer> turn;

  Json to_json() const;
  /// An entry that is no TURN URI with credentials is left out, and so is what is above kMaxTurnServers.
  static Result<TurnChanged> parse(const Json& params);
};

struct RegisterResult {
  net::IpAddress virtual_address;
  net::Prefix prefix;  ///< on-link
  std::uint64_t epoch = 0;
  std::uint32_t lease_s = 0;
  std::vector<net::Endpoint> stun;
  std::vector<TurnServer> turn;
  /// The network's ULA /64 (virtual_address6.hpp); none: the network, or its server, has no IPv6.
  std::optional<net::Prefix> prefix6 = {};
  /// Over how long to spread the first try after the connection was lost, so that all nodes of a server that
  /// restarts do not come at once.
  std::uint32_t reconnect_ms = 0;

  Json to_json() const;
  static Result<RegisterResult> parse(const Json& result);
};

struct UpdateParams {
  std::optional<std::vector<WireCandidate>> candidates = {};
  std::optional<SignedRecord> record = {};
  bool keep_subscribers = true;  ///< false: this node decides about each subscriber anew

  Json to_json() const;
  static Result<UpdateParams> parse(const Json& params);
};

/// Another node, as the server tells of it. The record is not verified by reading it.
struct NodeInfo {
  net::IpAddress virtual_address;
  std::string name;
  bool online = false;
  SignedRecord record;
  std::vector<WireCandidate> candidates;
  std::string user = {};  ///< whose node it is, by the server's word alone
  /// What other nodes found on such paths as lead to it; none: nothing new.
  std::optional<std::vector<PathHint>> hints = {};

  Json to_json() const;
  static Result<NodeInfo> parse(const Json& value);
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

struct QueryParams {
  std::optional<std::vector<net::IpAddress>> addresses = {};  ///< none: "*", all that the asker may reach
  std::optional<net::IpAddress> after = {};                   ///< go on behind this address

  Json to_json() const;
  static Result<QueryParams> parse(const Json& params);
};

struct QueryResult {
  std::vector<NodeInfo> nodes;  ///< by rising address
  std::vector<net::IpAddress> unreachable;
  std::optional<net::IpAddress> next = {};  ///< there is more: ask again with `after` = this

  Json to_json() const;
  static Result<QueryResult> parse(const Json& result);
};

struct ConnectParams {
  net::IpAddress virtual_address;
  std::string ufrag;
  std::vector<WireCandidate> candidates;

  Json to_json() const;
  static Result<ConnectParams> parse(const Json& params);
};

struct ConnectResult {
  NodeInfo node;
  std::optional<std::string> ufrag = {};  ///< the peer's newest for the asker

  Json to_json() const;
  static Result<ConnectResult> parse(const Json& result);
};

/// connect.offer: the node's candidates are those for the receiver alone.
struct ConnectOffer {
  NodeInfo node;
  std::string ufrag;

  Json to_json() const;
  static Result<ConnectOffer> parse(const Json& params);
};

enum class PeerStatus : std::uint8_t {
  offline,  ///< its connection ended; address and record stay
  gone,     ///< it left: the address may become another's
  revoked,  ///< put out by the administrator
};
std::string_view to_string(PeerStatus status);

struct PeerStatusChange {
  net::IpAddress virtual_address;
  PeerStatus status = PeerStatus::offline;

  friend bool operator==(const PeerStatusChange&, const PeerStatusChange&) = default;
};

/// peer.changed: what the peer is like, or that it is no more.
struct PeerChanged {
  std::variant<NodeInfo, PeerStatusChange> change;

  Json to_json() const;
  static Result<PeerChanged> parse(const Json& params);
};

/// Parameters of subscribe and unsubscribe.
struct SubscribeParams {
  std::vector<net::IpAddress> addresses;  ///< 1 to kMaxSubscribeAddresses

  Json to_json() const;
  static Result<SubscribeParams> parse(const Json& params);
};

enum class SubscriptionState : std::uint8_t {
  pending,          ///< the other node was not asked yet, or has not answered
  accepted,         ///< while it stands each of its changes is told
  refused,          ///< by the other node; asking again changes nothing until it decides anew
  no_such_address,  ///< nobody that the asker may reach has this address
};
std::string_view to_string(SubscriptionState state);

struct Subscription {
  net::IpAddress virtual_address;
  SubscriptionState state = SubscriptionState::pending;

  friend bool operator==(const Subscription&, const Subscription&) = default;
};

struct SubscribeResult {
  std::vector<Subscription> subscriptions;

  Json to_json() const;
  static Result<SubscribeResult> parse(const Json& result);
};

/// subscription.request: these nodes ask to hear of the receiver's changes. Without candidates.
struct SubscriptionRequest {
  std::vector<NodeInfo> nodes;

  Json to_json() const;
  static Result<SubscriptionRequest> parse(const Json& params);
};

/// subscription.answer: what the node says to those of a request, or to earlier ones that it refuses by now.
struct SubscriptionAnswer {
  std::vector<net::IpAddress> accepted;  ///< both lists: at most kMaxSubscribeAddresses
  std::vector<net::IpAddress> refused;

  Json to_json() const;
  static Result<SubscriptionAnswer> parse(const Json& params);
};

/// subscription.changed: what the other side said.
struct SubscriptionChanged {
  Subscription subscription;
  std::optional<NodeInfo> node = {};  ///< accepted: what there is to know

  Json to_json() const;
  static Result<SubscriptionChanged> parse(const Json& params);
};

/// Result of friends.list, friends.add and friends.remove; parameters of friends.changed.
struct FriendList {
  std::vector<std::string> friends;  ///< users on this user's list
  std::vector<std::string> pending;  ///< those of them who have not listed this user
  std::string user = {};             ///< friends.add, friends.remove: who was meant by the name

  Json to_json() const;
  static Result<FriendList> parse(const Json& value);
  friend bool operator==(const FriendList&, const FriendList&) = default;
};

/// friends.add, friends.remove: a user, or else a node, whose user is meant.
struct FriendParams {
  std::string user;

  Json to_json() const;
  static Result<FriendParams> parse(const Json& params);
};

struct Shutdown {
  std::uint32_t retry_after_ms = 0;

  Json to_json() const;
  static Result<Shutdown> parse(const Json& params);
};

}  // namespace causeway::protocol
