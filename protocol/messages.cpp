#include "protocol/messages.hpp"

#include <algorithm>
#include <utility>

#include "protocol/members.hpp"
#include "protocol/name.hpp"
#include "protocol/rpc.hpp"

namespace causeway::protocol {
namespace {

constexpr std::size_t kMaxWords = 1024;
constexpr std::size_t kMaxVersionBytes = 64;
constexpr std::size_t kMaxServersTold = 16;
constexpr std::size_t kMaxTurnUsernameBytes = 509;
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
  return result;
}

Result<RegisterResult> RegisterResult::parse(const Json& result) {
  RegisterResult made;
  const auto address = read_virtual_address(result, "virtual_address");
  if (!address) return address.error();
  made.virtual_address = *address;
  const auto prefix = net::Prefix::parse(get_string(result, "prefix").value_or(""));
  if (!prefix || !prefix->contains(*address)) return bad_member("prefix", "a prefix that holds the address");
  made.prefix = *prefix;
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
  return made;
}

// ---- query ----

Json NodeInfo::to_json() const {
  Json value = node_state(virtual_address, online ? "online" : "offline");
  value["name"] = name;
  value["record"] = record.to_json();
  value["candidates"] = candidates_to_json(candidates);
  if (!user.empty()) value["user"] = user;
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
