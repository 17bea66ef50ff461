#include "store/state_codec.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "protocol/messages.hpp"
#include "protocol/name.hpp"
#include "protocol/virtual_address6.hpp"
#include "store/object_reader.hpp"

namespace causeway::store {
namespace {

using Json = nlohmann::json;

template <class Key>
Key read_key(ObjectReader& object, const char* name) {
  std::string text = object.text(name);
  auto bytes = from_base64(text);
  auto key = bytes ? Key::from_bytes(*bytes) : std::nullopt;
  if (bytes) wipe(*bytes);
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  if (!key) throw BadMember{name};
  return *key;
}

template <class T, class Read>
Result<T> guarded(Read read) {
  try {
    return read();
  } catch (const BadMember& bad) {
    return Error{fmt::format("\"{}\" is missing or not as causewayd writes it", bad.name)};
  }
}

template <class T>
Json text_or_null(const std::optional<T>& value) {
  return value ? Json(value->to_string()) : Json(nullptr);
}

Enrolment read_enrolment(const Json& json) {
  ObjectReader object(json, "enrolment");
  Enrolment enrolment{object.text("token"), object.boolean("enrolled"), object.boolean("left")};
  object.finish();
  return enrolment;
}

NodeState read_state(const Json& content) {
  ObjectReader object(content, "content");
  NodeState state;
  if (const Json* enrolment = object.optional_member("enrolment"))
    state.enrolment = read_enrolment(*enrolment);
  state.name = object.text("name");
  state.virtual_address = parse_optional<net::IpAddress>(object, "virtual_address");
  state.on_link = parse_optional<net::Prefix>(object, "on_link");
  state.record_serial = object.number("record_serial", std::numeric_limits<std::uint64_t>::max());
  const auto timestamp = from_hex(object.text("timestamp"));
  if (!timestamp || timestamp->size() != state.timestamp.size()) throw BadMember{"timestamp"};
  std::copy(timestamp->begin(), timestamp->end(), state.timestamp.begin());
  const Json& ports = object.member("ports");
  if (!ports.is_object() || ports.size() > kMaxRememberedPorts) throw BadMember{"ports"};
  for (const auto& [address, port] : ports.items()) {
    if (!port.is_number_unsigned() || port.get<std::uint64_t>() > 65535) throw BadMember{"ports"};
    state.ports[parse_or_throw<net::IpAddress>(address, "ports")] = port.get<std::uint16_t>();
  }
  if (const Json* prefix = object.newer_member("on_link6"); prefix && !prefix->is_null()) {
    if (!prefix->is_string()) throw BadMember{"on_link6"};
    state.on_link6 = parse_or_throw<net::Prefix>(prefix->get<std::string>(), "on_link6");
    if (!protocol::is_network_prefix6(*state.on_link6)) throw BadMember{"on_link6"};
  }
  if (const Json* list = object.newer_member("user_candidates")) {
    if (!list->is_array() || list->size() > kMaxUserCandidates) throw BadMember{"user_candidates"};
    for (const Json& address : *list) {
      if (!address.is_string()) throw BadMember{"user_candidates"};
      state.user_candidates.push_back(
          parse_or_throw<net::Endpoint>(address.get<std::string>(), "user_candidates"));
    }
  }
  if (const Json* list = object.newer_member("stun_servers")) {
    if (!list->is_array() || list->size() > kMaxRememberedServers) throw BadMember{"stun_servers"};
    for (const Json& address : *list) {
      if (!address.is_string()) throw BadMember{"stun_servers"};
      state.stun_servers.push_back(parse_or_throw<net::Endpoint>(address.get<std::string>(), "stun_servers"));
    }
  }
  if (const Json* list = object.newer_member("turn_servers")) {
    auto servers = protocol::TurnChanged::parse({{"turn", *list}});
    if (!servers || servers->turn.size() != list->size()) throw BadMember{"turn_servers"};
    state.turn_servers = std::move(servers->turn);
  }
  object.finish();
  return state;
}

std::string read_ufrag(const Json& value, const char* name) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxUfragBytes)
    throw BadMember{name};
  return value.get<std::string>();
}

KnownPeer read_peer(const Json& json) {
  ObjectReader object(json, "peers");
  KnownPeer peer;
  peer.virtual_address = parse_or_throw<net::IpAddress>(object.text("virtual_address"), "virtual_address");
  auto record = protocol::SignedRecord::parse(object.member("record"));
  if (!record) throw BadMember{"record"};
  peer.record = std::move(*record);
  peer.user = object.text("user");
  if (!peer.user.empty() && !protocol::is_valid_name(peer.user)) throw BadMember{"user"};
  peer.in_use = object.boolean("in_use");
  peer.local_ufrag = read_ufrag(object.member("local_ufrag"), "local_ufrag");
  peer.remote_ufrag = read_ufrag(object.member("remote_ufrag"), "remote_ufrag");
  const auto read_ufrags = [](const Json& list, const char* name) {
    if (!list.is_array() || list.size() > kMaxRememberedUfrags) throw BadMember{name};
    std::vector<std::string> ufrags;
    for (const Json& ufrag : list)
      ufrags.push_back(read_ufrag(ufrag, name));
    return ufrags;
  };
  if (const Json* past = object.newer_member("past_local_ufrags"))
    peer.past_local_ufrags = read_ufrags(*past, "past_local_ufrags");
  peer.past_remote_ufrags = read_ufrags(object.member("past_remote_ufrags"), "past_remote_ufrags");
  auto candidates = protocol::WireCandidateList::parse(object.member("candidates"));
  if (!candidates || candidates->dropped > 0 || candidates->candidates.size() > kMaxRememberedCandidates)
    throw BadMember{"candidates"};
  peer.candidates = std::move(candidates->candidates);
  const Json& paths = object.member("paths");
  if (!paths.is_array() || paths.size() > kMaxRememberedPaths) throw BadMember{"paths"};
  for (const Json& entry : paths) {
    ObjectReader path(entry, "paths");
    peer.paths.push_back({parse_or_throw<net::IpAddress>(path.text("local"), "local"),
                          parse_or_throw<net::Endpoint>(path.text("remote"), "remote")});
    path.finish();
  }
  object.finish();
  return peer;
}

Pin read_pin(const Json& json) {
  ObjectReader object(json, "pins");
  Pin pin;
  pin.identity = read_key<crypto::IdentityPublicKey>(object, "identity");
  pin.name = object.text("name");
  pin.address = parse_optional<net::IpAddress>(object, "address");
  pin.serial = object.number("serial", std::numeric_limits<std::uint64_t>::max());
  pin.given = object.boolean("given");
  object.finish();
  return pin;
}

Friend read_friend(const Json& json) {
  ObjectReader object(json, "friends");
  Friend read{object.text("user"), object.boolean("listed"), object.boolean("mutual")};
  const Json& pins = object.member("pins");
  if (!pins.is_array() || pins.size() > kMaxPinsPerFriend) throw BadMember{"pins"};
  for (const Json& entry : pins)
    read.pins.push_back(read_pin(entry));
  object.finish();
  return read;
}

}  // namespace

Json encode(const NodeKeys& keys) {
  return {{"identity", to_base64(keys.identity.bytes)}, {"session", to_base64(keys.session.bytes)}};
}

Json encode(const NodeState& state) {
  Json ports = Json::object();
  for (const auto& [address, port] : state.ports)
    ports[address.to_string()] = port;
  Json stun_servers = Json::array();
  for (const net::Endpoint& server : state.stun_servers)
    stun_servers.push_back(server.to_string());
  Json user_candidates = Json::array();
  for (const net::Endpoint& address : state.user_candidates)
    user_candidates.push_back(address.to_string());
  Json enrolment;
  if (state.enrolment) {
    enrolment = {{"token", state.enrolment->token},
                 {"enrolled", state.enrolment->enrolled},
                 {"left", state.enrolment->left}};
  }
  return {{"enrolment", enrolment},
          {"name", state.name},
          {"virtual_address", text_or_null(state.virtual_address)},
          {"on_link", text_or_null(state.on_link)},
          {"on_link6", text_or_null(state.on_link6)},
          {"record_serial", state.record_serial},
          {"timestamp", to_hex(state.timestamp)},
          {"ports", ports},
          {"user_candidates", user_candidates},
          {"stun_servers", stun_servers},
          {"turn_servers", protocol::TurnChanged{state.turn_servers}.to_json()["turn"]}};
}

Json encode(const std::vector<KnownPeer>& peers) {
  Json list = Json::array();
  for (const KnownPeer& peer : peers) {
    Json paths = Json::array();
    for (const auto& path : peer.paths) {
      paths.push_back({{"local", path.local.to_string()}, {"remote", path.remote.to_string()}});
    }
    list.push_back({{"virtual_address", peer.virtual_address.to_string()},
                    {"user", peer.user},
                    {"record", peer.record.to_json()},
                    {"in_use", peer.in_use},
                    {"local_ufrag", peer.local_ufrag},
                    {"past_local_ufrags", peer.past_local_ufrags},
                    {"remote_ufrag", peer.remote_ufrag},
                    {"past_remote_ufrags", peer.past_remote_ufrags},
                    {"candidates", protocol::candidates_to_json(peer.candidates)},
                    {"paths", paths}});
  }
  return list;
}

Json encode(const FriendState& state) {
  Json friends = Json::array();
  for (const Friend& entry : state.friends) {
    Json pins = Json::array();
    for (const Pin& pin : entry.pins) {
      pins.push_back({{"identity", to_base64(pin.identity.bytes)},
                      {"name", pin.name},
                      {"address", text_or_null(pin.address)},
                      {"serial", pin.serial},
                      {"given", pin.given}});
    }
    friends.push_back({{"user", entry.user},
                       {"listed", entry.listed},
                       {"mutual", entry.mutual},
                       {"pins", std::move(pins)}});
  }
  return {{"network", state.network},
          {"user", state.user},
          {"friends_only", state.friends_only},
          {"friends", std::move(friends)}};
}

Result<NodeKeys> decode_keys(const Json& content) {
  return guarded<NodeKeys>([&] {
    ObjectReader object(content, "content");
    NodeKeys keys{read_key<crypto::IdentitySecretKey>(object, "identity"),
                  read_key<crypto::SessionSecretKey>(object, "session")};
    object.finish();
    return keys;
  });
}

Result<NodeState> decode_state(const Json& content) {
  return guarded<NodeState>([&] { return read_state(content); });
}

Result<FriendState> decode_friends(const Json& content) {
  return guarded<FriendState>([&] {
    ObjectReader object(content, "content");
    FriendState state{object.text("network"), object.text("user"), object.boolean("friends_only"), {}};
    const Json& friends = object.member("friends");
    if (!friends.is_array() || friends.size() > kMaxFriendEntries) throw BadMember{"friends"};
    for (const Json& entry : friends)
      state.friends.push_back(read_friend(entry));
    object.finish();
    return state;
  });
}

Result<std::vector<KnownPeer>> decode_known_peers(const Json& content) {
  return guarded<std::vector<KnownPeer>>([&] {
    if (!content.is_array() || content.size() > kMaxKnownPeers) throw BadMember{"peers"};
    std::vector<KnownPeer> peers;
    for (const Json& entry : content)
      peers.push_back(read_peer(entry));
    return peers;
  });
}

}  // namespace causeway::store
