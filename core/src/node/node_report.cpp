#include "node/node_report.hpp"

#include <nlohmann/json.hpp>

#include "node/path_report.hpp"

namespace causeway::node {
namespace {

using Json = nlohmann::json;

Json milliseconds(std::optional<Duration> duration) {
  return duration ? Json(to_milliseconds(*duration)) : Json(nullptr);
}

/// A steady moment as wall time, for people and scripts.
Json wall(std::optional<SteadyTime> at, Now now) {
  return at ? Json(format_rfc3339(now.wall - (now.steady - *at))) : Json(nullptr);
}

std::string type_text(ice::CandidateType type) { return std::string(ice::to_string(type)); }

Json path_report(const peer::Peer& peer, const peer::LocalBases& bases, Now now) {
  if (!peer.data_path()) return nullptr;
  const ice::Agent* agent = peer.agent();
  const auto selected = peer.paths().selected();
  const auto pair = agent && selected ? agent->pair(*selected) : std::nullopt;
  Json path{{"remote", peer.data_path()->remote.to_string()},
            {"transport", "udp"},
            {"mtu", peer.data_path()->mtu},
            {"reason", path::describe(pair ? peer.paths().reason() : path::SwitchReason::configured)},
            {"scored_by", peer.scored_by()},
            {"since", wall(peer.paths().selected_since(), now)}};
  if (!pair) {
    // A stock WireGuard peer: no pair, so nothing is measured.
    const auto base = bases.find(peer.data_path()->base);
    path["local"] = path["base"] =
        base == bases.end() ? Json(nullptr) : Json(base->second.address.to_string());
    for (const char* unknown : {"rtt_ms", "jitter_ms", "loss", "priority"})
      path[unknown] = nullptr;
    path["local_type"] = path["remote_type"] = "host";
    path["nominated"] = false;
    return path;
  }
  const auto* entry = peer.paths().find(*selected);
  const auto measured = entry ? entry->stats.measurements() : path::Measurements{};
  const auto base = bases.find(pair->local.base);
  const peer::Relay* relay = base != bases.end() && base->second.relay ? &*base->second.relay : nullptr;
  path["local"] = pair->local.base_address.to_string();
  path["base"] = (relay ? relay->nic : pair->local.base_address).to_string();
  if (relay) path["transport"] = relay->transport;
  path["local_type"] = type_text(pair->local.type);
  path["remote_type"] = type_text(pair->remote.type);
  path["rtt_ms"] = milliseconds(measured.rtt ? measured.rtt : pair->rtt);
  path["jitter_ms"] = milliseconds(measured.jitter);
  path["loss"] = measured.probes > 0 ? Json(measured.loss) : Json(nullptr);
  path["priority"] = pair->priority;
  path["nominated"] = pair->is_nominated;
  return path;
}

/// What the user can do about a peer that is blocked.
std::string hint_for(const peer::Peer& peer) {
  if (peer.state() != peer::PeerState::blocked) return "";
  const std::string& user = peer.description().user;
  return "somebody else answers for a friend; if it was installed anew: `causeway friend remove " + user +
         "`, then `causeway friend add " + user + "`";
}

Json address_or_null(const std::optional<net::IpAddress>& address) {
  return address ? Json(address->to_string()) : Json(nullptr);
}

/// What came of our wish to hear of its changes; null: there is none.
Json subscription_report(const Node& node, const peer::Peer& peer) {
  const auto* link = node.link();
  const auto state = link ? link->subscription(peer.description().virtual_address) : std::nullopt;
  return state ? Json(protocol::to_string(*state)) : Json(nullptr);
}

Json peer_report(const Node& node, const peer::Peer& peer, Now now) {
  const Node::Told* told = node.told(peer.id());
  const auto& description = peer.description();
  const auto& counters = peer.counters();
  const auto last_handshake = peer.last_handshake();
  return {
      {"name", description.name},
      {"virtual_address", description.virtual_address.to_string()},
      {"virtual_address6", address_or_null(description.virtual_address6)},
      {"online", told ? Json(told->online) : Json(nullptr)},
      {"subscription", subscription_report(node, peer)},
      {"kind", description.kind == session::PeerKind::causeway ? "causeway" : "wireguard"},
      {"state", peer::to_string(peer.state())},
      {"reason", peer.state_reason()},
      {"hint", hint_for(peer)},
      {"user", description.user.empty() ? Json(nullptr) : Json(description.user)},
      {"friend", peer.state() != peer::PeerState::blocked && node.friends().is_friend(description.identity)},
      {"public_key", description.session_key.to_base64()},
      {"identity", description.identity ? Json(description.identity->to_base64()) : Json(nullptr)},
      {"path", path_report(peer, node.bases(), now)},
      {"last_handshake", wall(last_handshake, now)},
      {"tx_bytes", counters.tx_bytes.load(std::memory_order_relaxed)},
      {"rx_bytes", counters.rx_bytes.load(std::memory_order_relaxed)},
      {"tx_packets", counters.tx_packets.load(std::memory_order_relaxed)},
      {"rx_packets", counters.rx_packets.load(std::memory_order_relaxed)}};
}

Json candidate_report(const ice::Candidate& candidate) {
  return {{"address", candidate.address.to_string()},   {"type", type_text(candidate.type)},
          {"base", candidate.base_address.to_string()}, {"source", candidate.source},
          {"foundation", candidate.foundation},         {"priority", candidate.priority}};
}

}  // namespace

Json peers_report(const Node& node, Now now) {
  Json list = Json::array();
  for (const auto& [id, peer] : node.peers())
    list.push_back(peer_report(node, *peer, now));
  return list;
}

Json status_report(const Node& node, const InterfaceFacts& interface, Now now) {
  const auto* link = node.link();
  Json server = nullptr;
  if (link) {
    server = {{"address", link->server()},
              {"state", link->state() == link::LinkState::online ? "online" : "offline"},
              {"reason", node.link_reason()}};
  }
  const auto address = node.virtual_address();
  const std::string& user = node.friends().state().user;
  return {{"name", node.state().name},
          {"user", user.empty() ? Json(nullptr) : Json(user)},
          {"virtual_address", address_or_null(address)},
          {"virtual_address6", address_or_null(node.virtual_address6())},
          {"interface", interface.name},
          {"mtu", interface.mtu},
          {"public_key", node.session_keys().public_key.to_base64()},
          {"identity", node.identity().to_base64()},
          {"state", to_string(node.status())},
          {"server", std::move(server)},
          {"peers", peers_report(node, now)}};
}

Json candidates_report(const Node& node) {
  Json list = Json::array();
  for (const ice::Candidate& candidate : node.candidates().ranked())
    list.push_back(candidate_report(candidate));
  return list;
}

Json candidates_report(const peer::Peer& peer) {
  Json list = Json::array();
  if (!peer.agent()) return list;
  for (const ice::Candidate& candidate : peer.agent()->remote_candidates()) {
    list.push_back({{"address", candidate.address.to_string()},
                    {"type", type_text(candidate.type)},
                    {"base", nullptr},
                    {"source", "peer"},
                    {"foundation", candidate.foundation},
                    {"priority", candidate.priority},
                    {"signalled_priority", candidate.priority},
                    {"current_priority", candidate.priority}});
  }
  return list;
}

Json ignored_candidates_report(const Node& node) {
  Json list = Json::array();
  for (const auto& ignored : node.candidates().ignored()) {
    const auto base = node.bases().find(ignored.base);
    list.push_back(
        {{"address", ignored.address.to_string()},
         {"source", ignored.source},
         {"base", base == node.bases().end() ? Json(nullptr) : Json(base->second.address.to_string())},
         {"reason", ignored.reason},
         {"count", ignored.count}});
  }
  return list;
}

Json ignored_candidates_report(const peer::Peer& peer) {
  Json list = Json::array();
  if (!peer.agent()) return list;
  for (const auto& refusal : peer.agent()->refusals()) {
    list.push_back({{"address", refusal.candidate.address.to_string()},
                    {"type", type_text(refusal.candidate.type)},
                    {"source", "peer"},
                    {"reason", refusal.reason},
                    {"count", refusal.count}});
  }
  return list;
}

Json candidate_limits_report(const peer::Peer& peer) {
  const ice::Agent* agent = peer.agent();
  if (!agent) return Json::object();
  return {{"candidates",
           {{"used", agent->remote_candidates().size()}, {"max", agent->options().max_remote_candidates}}},
          {"pairs", {{"used", agent->pairs().size()}, {"max", agent->options().max_pairs}}}};
}

Json mappings_report(const Node& node) {
  Json list = Json::array();
  for (const auto& [id, peer] : node.peers()) {
    if (!peer->data_path()) continue;
    const auto base = node.bases().find(peer->data_path()->base);
    const bool has_base = base != node.bases().end();
    list.push_back({{"virtual_address", peer->description().virtual_address.to_string()},
                    {"port", has_base ? Json(base->second.address.port) : Json(nullptr)},
                    {"local", has_base ? Json(base->second.address.to_string()) : Json(nullptr)},
                    {"remote", peer->data_path()->remote.to_string()},
                    {"state", peer::to_string(peer->state())},
                    {"created", format_rfc3339(peer->created())}});
  }
  return list;
}

Json checks_report(const Node& node, const peer::Peer* only) {
  Json list = Json::array();
  for (const auto& [id, peer] : node.peers()) {
    if ((only && only != peer.get()) || !peer->agent()) continue;
    for (const ice::PairView& pair : peer->agent()->pairs()) {
      list.push_back({{"peer", peer->description().name},
                      {"local", pair.local.base_address.to_string()},
                      {"remote", pair.remote.address.to_string()},
                      {"local_type", type_text(pair.local.type)},
                      {"remote_type", type_text(pair.remote.type)},
                      {"state", ice::to_string(pair.state)},
                      {"valid", pair.is_valid},
                      {"priority", pair.priority},
                      {"rtt_ms", milliseconds(pair.rtt)},
                      {"nominated", pair.is_nominated}});
    }
  }
  return list;
}

}  // namespace causeway::node
