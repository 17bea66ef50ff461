#include "protocol/messages.hpp"

#include <algorithm>
#include <utility>

#include "protocol/members.hpp"
#include "protocol/name.hpp"
#include "protocol/rpc.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::protocol {
namespace {

constexpr std::size_t kMaxWords = 1024;
constexpr std::size_t kMaxVersionBytes = 64;
constexpr std::size_t kMaxServersTold = 16;
constexpr std::size_t kMaxTurnUsernameBytes = 509;
constexpr std::int64_t kMaxReconnectMs = 600'000;
constexpr std::int64_t kMaxExpires = std::int64_t{1} << 40;

Json node_state(const net::IpAddress& address, std::string_view state) {
  return {{"virtual_address", address.to_string()}, {"state", state}};
}

Json turn_to_json(const std::vector<TurnServer>& servers) {
  Json list = Json::array();
  for (const auto& server : servers) {
    list.push_back({{"uri", server.uri},
                    {"username", server.username},
                    {"password", server.password},
                    {"expires", server.expires}});
  }
  return list;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

std::vector<TurnServer> read_turn_servers(const Json& list) {
  std::vector<TurnServer> servers;
  for (const Json& entry : list) {
    auto uri = get_string(entry, "uri");
    auto username = get_string(entry, "username");
    auto password = get_string(entry, "password");
    if (!uri || !username || !password || servers.size() >= kMaxTurnServers) continue;
    const bool is_turn = uri->starts_with("turn:") || uri->starts_with("turns:");
    // RFC 8489 §14.3: USERNAME is less than 509 bytes.
    const bool is_short =
        uri->size() <= kMaxTurnUriBytes && username->size() < kMaxTurnUsernameBytes && !password->empty();
    if (!is_turn || !is_short || !is_printable(*uri) || username->empty() ||
        username->find('\0') != std::string::npos)
      continue;
    servers.push_back({std::move(*uri), std::move(*username), std::move(*password),
                       get_integer<std::int64_t>(entry, "expires", 0, kMaxExpires).value_or(0)});
  }
  return servers;
}

Result<NodeInfo> read_node(const Json& object) {
  const Json* node = get_object(object, "node");
  if (!node) return bad_member("node", "a node");
  return NodeInfo::parse(*node);
}

Json subscription_to_json(const Subscription& subscription) {
  return node_state(subscription.virtual_address, to_string(subscription.state));
}

Result<Subscription> read_subscription(const Json& object) {
  const auto address = read_virtual_address(object, "virtual_address");
  if (!address) return address.error();
  const auto told = get_string(object, "state").value_or("");
  for (const auto state : {SubscriptionState::pending, SubscriptionState::accepted,
                           SubscriptionState::refused, SubscriptionState::no_such_address}) {
    if (told == to_string(state)) return Subscription{*address, state};
  }
  return bad_member("state", "pending, accepted, refused or no_such_address");
}

}  // namespace

Bytes authentication_payload(std::string_view network, ByteView exporter) {
  constexpr std::string_view kContext = "causeway auth 1";
  Bytes payload(kContext.begin(), kContext.end());
  payload.push_back(0);
  payload.insert(payload.end(), network.begin(), network.end());
  payload.push_back(0);
  payload.insert(payload.end(), exporter.begin(), exporter.end());
  return payload;
}

// ---- authenticate ----

Json AuthenticateParams::to_json() const {
  Json params{{"network", network},
              {"identity", identity.to_base64()},
              {"signature", to_base64(signature)},
              {"version", version}};
  if (token) params["token"] = *token;
  if (name) params["name"] = *name;
  return params;
}

Result<AuthenticateParams> AuthenticateParams::parse(const Json& params) {
  AuthenticateParams made;
  auto network = read_name(params, "network");
  if (!network) return network.error();
  made.network = std::move(*network);
  const auto identity = read_key<crypto::IdentityPublicKey>(params, "identity");
  if (!identity) return identity.error();
  made.identity = *identity;
  const auto signature = from_base64(get_string(params, "signature").value_or(""));
  if (!signature || signature->size() != made.signature.size())
    return bad_member("signature", "base64 of 64 bytes");
  std::copy(signature->begin(), signature->end(), made.signature.begin());
  if (find_member(params, "token")) {
    made.token = get_string(params, "token");
    if (!made.token) return bad_member("token", "a string");
  }
  if (find_member(params, "name")) {
    auto name = read_name(params, "name");
    if (!name) return name.error();
    made.name = std::move(*name);
  }
  made.version = get_string(params, "version").value_or("");
  if (made.version.size() > kMaxVersionBytes) return bad_member("version", "a short string");
  return made;
}

Json AuthenticateResult::to_json() const {
  return {{"name", name},
          {"user", user},
          {"friends", friends},
          {"pending", pending},
          {"permissions", permissions},
          {"keepalive_s", keepalive_s}};
}

Result<AuthenticateResult> AuthenticateResult::parse(const Json& result) {
  AuthenticateResult made;
  auto name = read_name(result, "name");
  if (!name) return name.error();
  made.name = std::move(*name);
  made.user = get_string(result, "user").value_or("");
  auto friends = read_names(result, "friends", kMaxFriends);
  if (!friends) return friends.error();
  made.friends = std::move(*friends);
  auto pending = read_names(result, "pending", kMaxFriends);
  if (!pending) return pending.error();
  made.pending = std::move(*pending);
  auto permissions = read_words(result, "permissions", kMaxWords);
  if (!permissions) return permissions.error();
  made.permissions = std::move(*permissions);
  made.keepalive_s = get_integer<std::uint32_t>(result, "keepalive_s", 1, 3600).value_or(made.keepalive_s);
  return made;
}

// ---- register, update ----

Json RegisterParams::to_json() const {
  Json params{{"session_key", session_key.to_base64()}, {"candidates", candidates_to_json(candidates)}};
  if (record) params["record"] = record->to_json();
  if (keep_subscribers) params["keep_subscribers"] = true;
  return params;
}

Result<RegisterParams> RegisterParams::parse(const Json& params) {
  RegisterParams made;
  const auto key = read_key<crypto::SessionPublicKey>(params, "session_key");
  if (!key) return key.error();
  made.session_key = *key;
  auto candidates = read_candidates(params);
  if (!candidates) return candidates.error();
  made.candidates = std::move(*candidates);
  auto record = read_optional_record(params);
  if (!record) return record.error();
  made.record = std::move(*record);
  made.keep_subscribers = get_bool(params, "keep_subscribers").value_or(false);
  return made;
}

Json RegisterResult::to_json() const {
  Json result{{"virtual_address", virtual_address.to_string()},
              {"prefix", prefix.to_string()},
              {"epoch", epoch},
              {"lease_s", lease_s},
              {"stun", Json::array()}};
  for (const auto& server : stun)
    result["stun"].push_back(server.to_string());
  result["turn"] = turn_to_json(turn);
  if (prefix6) {
    result["prefix6"] = prefix6->to_string();
    result["virtual_address6"] = protocol::virtual_address6(*prefix6, virtual_address).to_string();
  }
  if (reconnect_ms > 0) result["reconnect_ms"] = reconnect_ms;
  return result;
}

Result<RegisterResult> RegisterResult::parse(const Json& result) {
  RegisterResult made;
  const auto address = read_virtual_address(result, "virtual_address");
  if (!address) return address.error();
  made.virtual_address = *address;
  const auto prefix = net::Prefix::parse(get_string(result, "prefix").value_or(""));
  // A server that puts more than a pool can hold on the virtual NIC would draw the real world's traffic to
  // it.
  if (!prefix || !prefix->contains(*address) || prefix->length < 8)
    return bad_member("prefix", "a prefix of 8 bits or more that holds the address");
  made.prefix = *prefix;
  if (find_member(result, "prefix6") && address->is_v4()) {
    const auto prefix6 = net::Prefix::parse(get_string(result, "prefix6").value_or(""));
    if (!prefix6 || !is_network_prefix6(*prefix6)) return bad_member("prefix6", "a /64 of fd00::/8");
    const auto address6 = protocol::virtual_address6(*prefix6, *address);
    if (net::IpAddress::parse(get_string(result, "virtual_address6").value_or("")) != address6)
      return bad_member("virtual_address6", "the address that follows from prefix6 and virtual_address");
    made.prefix6 = *prefix6;
  }
  made.reconnect_ms = get_integer<std::uint32_t>(result, "reconnect_ms", 0, kMaxReconnectMs).value_or(0);
  made.epoch = get_integer<std::uint64_t>(result, "epoch", 0, kMaxRequestId).value_or(0);
  made.lease_s = get_integer<std::uint32_t>(result, "lease_s", 0, 100 * 86'400).value_or(0);
  // A STUN or TURN server that we cannot read is one fewer to ask, no reason to stay away.
  if (const Json* stun = get_array(result, "stun")) {
    for (const Json& entry : *stun) {
      const auto server =
          entry.is_string() ? net::Endpoint::parse(entry.get_ref<const std::string&>()) : std::nullopt;
      if (server && server->port != 0 && made.stun.size() < kMaxServersTold) made.stun.push_back(*server);
    }
  }
  if (const Json* turn = get_array(result, "turn")) made.turn = read_turn_servers(*turn);
  return made;
}

Json TurnChanged::to_json() const { return {{"turn", turn_to_json(turn)}}; }

Result<TurnChanged> TurnChanged::parse(const Json& params) {
  const Json* turn = get_array(params, "turn");
  if (!turn) return bad_member("turn", "an array of TURN servers");
  return TurnChanged{read_turn_servers(*turn)};
}

Json UpdateParams::to_json() const {
  Json params = Json::object();
  if (candidates) params["candidates"] = candidates_to_json(*candidates);
  if (record) params["record"] = record->to_json();
  if (!keep_subscribers) params["keep_subscribers"] = false;
  return params;
}

Result<UpdateParams> UpdateParams::parse(const Json& params) {
  UpdateParams made;
  if (find_member(params, "candidates")) {
    auto candidates = read_candidates(params);
    if (!candidates) return candidates.error();
    made.candidates = std::move(*candidates);
  }
  auto record = read_optional_record(params);
  if (!record) return record.error();
  made.record = std::move(*record);
  made.keep_subscribers = get_bool(params, "keep_subscribers").value_or(true);
  return made;
}

// ---- query ----

Json NodeInfo::to_json() const {
  Json value = node_state(virtual_address, online ? "online" : "offline");
  value["name"] = name;
  value["record"] = record.to_json();
  value["candidates"] = candidates_to_json(candidates);
  if (!user.empty()) value["user"] = user;
  if (hints) value["hints"] = hints_to_json(*hints);
  return value;
}

Result<NodeInfo> NodeInfo::parse(const Json& value) {
  NodeInfo node;
  const auto address = read_virtual_address(value, "virtual_address");
  if (!address) return address.error();
  node.virtual_address = *address;
  auto name = read_name(value, "name");
  if (!name) return name.error();
  node.name = std::move(*name);
  const auto state = get_string(value, "state");
  if (state != "online" && state != "offline") return bad_member("state", "online or offline");
  node.online = state == "online";
  auto record = read_record(value);
  if (!record) return record.error();
  node.record = std::move(*record);
  auto candidates = read_candidates(value);
  if (!candidates) return candidates.error();
  node.candidates = std::move(*candidates);
  if (find_member(value, "user")) {
    auto user = read_name(value, "user");
    if (!user) return user.error();
    node.user = std::move(*user);
  }
  if (const Json* hints = get_array(value, "hints")) node.hints = read_hints(*hints);
  return node;
}

Json QueryParams::to_json() const {
  Json params{{"addresses", addresses ? addresses_to_json(*addresses) : Json("*")}};
  if (after) params["after"] = after->to_string();
  return params;
}

Result<QueryParams> QueryParams::parse(const Json& params) {
  QueryParams made;
  if (get_string(params, "addresses") != "*") {
    auto addresses = read_addresses(params, "addresses", kMaxQueryAddresses);
    if (!addresses) return addresses.error();
    made.addresses = std::move(*addresses);
  }
  if (find_member(params, "after")) {
    const auto after = read_virtual_address(params, "after");
    if (!after) return after.error();
    made.after = *after;
  }
  return made;
}

Json QueryResult::to_json() const {
  Json result{{"nodes", Json::array()}, {"unreachable", addresses_to_json(unreachable)}};
  for (const auto& node : nodes)
    result["nodes"].push_back(node.to_json());
  if (next) result["next"] = next->to_string();
  return result;
}

Result<QueryResult> QueryResult::parse(const Json& result) {
  QueryResult made;
  const Json* nodes = get_array(result, "nodes");
  if (!nodes) return bad_member("nodes", "an array");
  for (const Json& entry : *nodes) {
    auto node = NodeInfo::parse(entry);
    if (!node) return node.error();
    made.nodes.push_back(std::move(*node));
  }
  auto unreachable = read_addresses(result, "unreachable", kMaxQueryAddresses);
  if (!unreachable) return unreachable.error();
  made.unreachable = std::move(*unreachable);
  if (find_member(result, "next")) {
    const auto next = read_virtual_address(result, "next");
    if (!next) return next.error();
    made.next = *next;
  }
  return made;
}

// ---- connect ----

Json ConnectParams::to_json() const {
  return {{"virtual_address", virtual_address.to_string()},
          {"ufrag", ufrag},
          {"candidates", candidates_to_json(candidates)}};
}

Result<ConnectParams> ConnectParams::parse(const Json& params) {
  const auto address = read_virtual_address(params, "virtual_address");
  if (!address) return address.error();
  auto ufrag = read_ufrag(params);
  if (!ufrag) return ufrag.error();
  auto candidates = read_candidates(params);
  if (!candidates) return candidates.error();
  return ConnectParams{*address, std::move(*ufrag), std::move(*candidates)};
}

Json ConnectResult::to_json() const {
  Json result{{"node", node.to_json()}};
  if (ufrag) result["ufrag"] = *ufrag;
  return result;
}

Result<ConnectResult> ConnectResult::parse(const Json& result) {
  auto node = read_node(result);
  if (!node) return node.error();
  ConnectResult made{std::move(*node)};
  if (find_member(result, "ufrag")) {
    auto ufrag = read_ufrag(result);
    if (!ufrag) return ufrag.error();
    made.ufrag = std::move(*ufrag);
  }
  return made;
}

Json ConnectOffer::to_json() const { return {{"node", node.to_json()}, {"ufrag", ufrag}}; }

Result<ConnectOffer> ConnectOffer::parse(const Json& params) {
  auto node = read_node(params);
  if (!node) return node.error();
  auto ufrag = read_ufrag(params);
  if (!ufrag) return ufrag.error();
  return ConnectOffer{std::move(*node), std::move(*ufrag)};
}

// ---- subscriptions ----

std::string_view to_string(SubscriptionState state) {
  switch (state) {
    case SubscriptionState::pending:
      return "pending";
    case SubscriptionState::accepted:
      return "accepted";
    case SubscriptionState::refused:
      return "refused";
    case SubscriptionState::no_such_address:
      return "no_such_address";
  }
  return "pending";
}

Json SubscribeParams::to_json() const { return {{"addresses", addresses_to_json(addresses)}}; }

Result<SubscribeParams> SubscribeParams::parse(const Json& params) {
  auto addresses = read_addresses(params, "addresses", kMaxSubscribeAddresses);
  if (!addresses) return addresses.error();
  if (addresses->empty()) return bad_member("addresses", "an array of addresses");
  return SubscribeParams{std::move(*addresses)};
}

Json SubscribeResult::to_json() const {
  Json result{{"subscriptions", Json::array()}};
  for (const auto& subscription : subscriptions)
    result["subscriptions"].push_back(subscription_to_json(subscription));
  return result;
}

Result<SubscribeResult> SubscribeResult::parse(const Json& result) {
  const Json* list = get_array(result, "subscriptions");
  if (!list || list->size() > kMaxSubscribeAddresses) return bad_member("subscriptions", "an array");
  SubscribeResult made;
  for (const Json& entry : *list) {
    const auto subscription = read_subscription(entry);
    if (!subscription) return subscription.error();
    made.subscriptions.push_back(*subscription);
  }
  return made;
}

Json SubscriptionRequest::to_json() const {
  Json params{{"nodes", Json::array()}};
  for (const auto& node : nodes)
    params["nodes"].push_back(node.to_json());
  return params;
}

Result<SubscriptionRequest> SubscriptionRequest::parse(const Json& params) {
  const Json* nodes = get_array(params, "nodes");
  if (!nodes || nodes->size() > kMaxSubscribeAddresses) return bad_member("nodes", "an array");
  SubscriptionRequest made;
  for (const Json& entry : *nodes) {
    auto node = NodeInfo::parse(entry);
    if (!node) return node.error();
    made.nodes.push_back(std::move(*node));
  }
  return made;
}

Json SubscriptionAnswer::to_json() const {
  return {{"accepted", addresses_to_json(accepted)}, {"refused", addresses_to_json(refused)}};
}

Result<SubscriptionAnswer> SubscriptionAnswer::parse(const Json& params) {
  auto accepted = read_addresses(params, "accepted", kMaxSubscribeAddresses);
  if (!accepted) return accepted.error();
  auto refused = read_addresses(params, "refused", kMaxSubscribeAddresses);
  if (!refused) return refused.error();
  return SubscriptionAnswer{std::move(*accepted), std::move(*refused)};
}

Json SubscriptionChanged::to_json() const {
  Json params = subscription_to_json(subscription);
  if (node) params["node"] = node->to_json();
  return params;
}

Result<SubscriptionChanged> SubscriptionChanged::parse(const Json& params) {
  const auto subscription = read_subscription(params);
  if (!subscription) return subscription.error();
  SubscriptionChanged made{*subscription};
  if (!find_member(params, "node")) return made;
  auto node = read_node(params);
  if (!node) return node.error();
  made.node = std::move(*node);
  return made;
}

// ---- friends ----

Json FriendList::to_json() const {
  Json value{{"friends", friends}, {"pending", pending}};
  if (!user.empty()) value["user"] = user;
  return value;
}

Result<FriendList> FriendList::parse(const Json& value) {
  FriendList made;
  auto friends = read_names(value, "friends", kMaxFriends);
  if (!friends) return friends.error();
  made.friends = std::move(*friends);
  auto pending = read_names(value, "pending", kMaxFriends);
  if (!pending) return pending.error();
  made.pending = std::move(*pending);
  if (find_member(value, "user")) {
    auto user = read_name(value, "user");
    if (!user) return user.error();
    made.user = std::move(*user);
  }
  return made;
}

Json FriendParams::to_json() const { return {{"user", user}}; }

Result<FriendParams> FriendParams::parse(const Json& params) {
  auto user = read_name(params, "user");
  if (!user) return user.error();
  return FriendParams{std::move(*user)};
}

// ---- peer.changed, shutdown ----

std::string_view to_string(PeerStatus status) {
  switch (status) {
    case PeerStatus::offline:
      return "offline";
    case PeerStatus::gone:
      return "gone";
    case PeerStatus::revoked:
      return "revoked";
  }
  return "offline";
}

Json PeerChanged::to_json() const {
  if (const auto* node = std::get_if<NodeInfo>(&change)) return {{"node", node->to_json()}};
  const auto& status = std::get<PeerStatusChange>(change);
  return node_state(status.virtual_address, to_string(status.status));
}

Result<PeerChanged> PeerChanged::parse(const Json& params) {
  if (find_member(params, "node")) {
    auto node = read_node(params);
    if (!node) return node.error();
    return PeerChanged{std::move(*node)};
  }
  const auto address = read_virtual_address(params, "virtual_address");
  if (!address) return address.error();
  const auto state = get_string(params, "state").value_or("");
  for (const auto status : {PeerStatus::offline, PeerStatus::gone, PeerStatus::revoked}) {
    if (state == to_string(status)) return PeerChanged{PeerStatusChange{*address, status}};
  }
  return bad_member("state", "offline, gone or revoked");
}

Json Shutdown::to_json() const { return {{"retry_after_ms", retry_after_ms}}; }

Result<Shutdown> Shutdown::parse(const Json& params) {
  const auto wait = get_integer<std::uint32_t>(params, "retry_after_ms", 0, 86'400'000);
  if (!wait) return bad_member("retry_after_ms", "milliseconds");
  return Shutdown{*wait};
}

}  // namespace causeway::protocol
