#include "daemon/control_methods.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "crypto/aead_support.hpp"
#include "daemon/friend_methods.hpp"
#include "daemon/netcheck_operation.hpp"
#include "daemon/ping_operation.hpp"
#include "daemon/plugin_methods.hpp"
#include "daemon/trace_recorder.hpp"
#include "dataplane/forwarder.hpp"
#include "protocol/json.hpp"

namespace causeway::daemon {
namespace {

using Json = nlohmann::json;
using Query = Result<Json> (*)(ControlTarget&, const Json&);

Error no_such_peer(const std::string& name) {
  return {"no peer is named " + name + ": `causeway peers` lists those known"};
}

/// The peer that `params` names; null without an error when none is named.
Result<const peer::Peer*> named_peer(ControlTarget& target, const Json& params) {
  const auto name = protocol::get_string(params, "peer");
  if (!name) return static_cast<const peer::Peer*>(nullptr);
  if (const peer::Peer* peer = target.node().find_peer(*name)) return peer;
  return no_such_peer(*name);
}

// ---- queries ----

Result<Json> status(ControlTarget& target, const Json&) {
  Json report = node::status_report(target.node(), target.interface(), target.now());
  const std::string& failure = target.store_failure();
  report["store"] = {{"state", failure.empty() ? "ok" : "failing"}, {"reason", failure}};
  return protocol::success(std::move(report));
}

Result<Json> peers(ControlTarget& target, const Json&) {
  return protocol::success(node::peers_report(target.node(), target.now()));
}

Result<Json> candidates(ControlTarget& target, const Json& params) {
  const auto peer = named_peer(target, params);
  if (!peer) return peer.error();
  Json list = *peer ? node::candidates_report(**peer) : node::candidates_report(target.node());
  const auto wants_ignored = params.find("ignored");
  if (wants_ignored == params.end() || *wants_ignored != true) return protocol::success(std::move(list));
  if (*peer) {
    return protocol::success(Json{{"candidates", std::move(list)},
                                  {"ignored", node::ignored_candidates_report(**peer)},
                                  {"limits", node::candidate_limits_report(**peer)}});
  }
  Json ignored = node::ignored_candidates_report(target.node());
  for (const IgnoredAddress& address : target.ignored_addresses()) {
    ignored.push_back({{"address", address.address.to_string()},
                       {"source", address.interface},
                       {"base", nullptr},
                       {"reason", address.reason},
                       {"count", 1}});
  }
  const Json limits{
      {"local addresses", {{"used", target.node().bases().size()}, {"max", kMaxBases}}},
      {"user-added",
       {{"used", target.node().state().user_candidates.size()}, {"max", store::kMaxUserCandidates}}},
      {"offered to peers",
       {{"used", std::min(target.node().candidates().ranked().size(), protocol::kMaxCandidates)},
        {"max", protocol::kMaxCandidates}}}};
  return protocol::success(
      Json{{"candidates", std::move(list)}, {"ignored", std::move(ignored)}, {"limits", limits}});
}

Result<Json> mappings(ControlTarget& target, const Json&) {
  return protocol::success(node::mappings_report(target.node()));
}

Result<Json> checks(ControlTarget& target, const Json& params) {
  const auto peer = named_peer(target, params);
  if (!peer) return peer.error();
  return protocol::success(node::checks_report(target.node(), *peer));
}

Result<Json> explain(ControlTarget& target, const Json& params) {
  const auto peer = named_peer(target, params);
  if (!peer) return peer.error();
  if (!*peer) return Error{"name a peer"};
  return protocol::success(node::explain_report(target.node(), **peer, target.now()));
}

Result<Json> friends(ControlTarget& target, const Json&) {
  return protocol::success(node::friends_report(target.node()));
}

Result<Json> history(ControlTarget& target, const Json& params) {
  return node::history_report(target.node(), protocol::get_string(params, "peer"), target.now());
}

/// Links of transports: to which relays, and what went through them.
Json links_report(ControlTarget& target) {
  Json list = Json::array();
  for (const relay::LinkView& view : target.links()) {
    list.push_back({{"plugin", view.transport},
                    {"transport", view.label},
                    {"kind", view.kind},
                    {"local", view.nic.to_string()},
                    {"server", view.server.to_string()},
                    {"relayed", view.relayed ? Json(view.relayed->to_string()) : Json(nullptr)},
                    {"peers", view.peers},
                    {"sent", view.sent},
                    {"received", view.received},
                    {"messages", view.messages},
                    {"dropped_by_wrap", view.dropped_by_wrap},
                    {"dropped_by_unwrap", view.dropped_by_unwrap},
                    {"dropped_queue_full", view.dropped_queue_full}});
  }
  return list;
}

std::string cipher_text(crypto::AeadAlgorithm algorithm) {
  std::string text(crypto::aead_algorithm_name(algorithm));
  text += " by ";
  return text += crypto::aead_implementation_name(crypto::resolve(algorithm));
}

/// What packets are made with here, of all that can be switched off or be missing.
Json data_plane_report(ControlTarget& target) {
  const OffloadsInUse offloads = target.offloads();
  return {
      {"loops", target.data_plane().loops()},
      {"abilities", target.node().abilities()},
      {"aes", cipher_text(crypto::AeadAlgorithm::aes_256_gcm)},
      {"aes_in_hardware", crypto::aes_is_in_hardware()},
      {"tun", {{"checksum", offloads.tun.checksum}, {"tso", offloads.tun.tso}, {"uso", offloads.tun.uso}}},
      {"udp",
       {{"sockets", offloads.udp.sockets},
        {"segmenting", offloads.udp.segmenting},
        {"coalescing", offloads.udp.coalescing}}}};
}

Result<Json> metrics(ControlTarget& target, const Json&) {
  Json drops = Json::object();
  for (std::size_t i = 0; i < dataplane::kDropReasons; ++i) {
    drops[std::string(dataplane::kDropReasonNames[i])] =
        target.data_plane().dropped(static_cast<dataplane::DropReason>(i));
  }
  const auto& counters = target.node().counters();
  Json peers = Json::object();
  for (const auto& [id, peer] : target.node().peers()) {
    const auto& traffic = peer->counters();
    Json row{{"tx_packets", traffic.tx_packets.load(std::memory_order_relaxed)},
             {"tx_bytes", traffic.tx_bytes.load(std::memory_order_relaxed)},
             {"rx_packets", traffic.rx_packets.load(std::memory_order_relaxed)},
             {"rx_bytes", traffic.rx_bytes.load(std::memory_order_relaxed)}};
    if (peer->has_keypair()) {
      row["format"] = peer->compact() ? "compact" : "wireguard";
      row["cipher"] = cipher_text(peer->compact().value_or(crypto::AeadAlgorithm::chacha20_poly1305));
    }
    if (const ice::Agent* agent = peer->agent()) {
      row["checks_sent"] = agent->counters().checks_sent;
      row["checks_received"] = agent->counters().checks_received;
      row["checks_answered"] = agent->counters().responses_received;
      row["checks_unauthentic"] = agent->counters().unauthentic;
      row["checks_malformed"] = agent->counters().malformed;
    }
    const auto& paths = peer->path_control().counters();
    row["path_probes_sent"] = paths.probes_sent;
    row["path_probes_answered"] = paths.probes_answered;
    row["path_answers_sent"] = paths.answers_sent;
    row["path_answers_unknown"] = paths.answers_unknown;
    row["path_probes_refused"] = paths.probes_refused;
    row["path_orders_received"] = paths.orders_received;
    row["path_orders_overtaken"] = paths.orders_overtaken;
    row["path_messages_malformed"] = paths.malformed;
    row["paths_lost"] = paths.paths_lost;
    row["path_sizes_lost"] = paths.sizes_lost;
    peers[peer->description().name] = std::move(row);
  }
  return protocol::success(Json{{"drops", std::move(drops)},
                                {"control",
                                 {{"stun_unclaimed", counters.stun_unclaimed},
                                  {"handshakes_malformed", counters.handshakes_malformed},
                                  {"handshakes_bad_mac1", counters.handshakes_bad_mac1},
                                  {"handshakes_not_authentic", counters.handshakes_not_authentic},
                                  {"handshakes_unknown_peer", counters.handshakes_unknown_peer},
                                  {"handshakes_blocked", counters.handshakes_blocked},
                                  {"impostors", counters.impostors},
                                  {"cookies_sent", counters.cookies_sent}}},
                                {"data_plane", data_plane_report(target)},
                                {"links", links_report(target)},
                                {"peers", std::move(peers)}});
}

/// The bounded queues between packets and decisions, and what was lost where one was full (spec U3.6).
Result<Json> buffers(ControlTarget& target, const Json&) {
  const dataplane::DataPlane& plane = target.data_plane();
  const auto dropped = [&](dataplane::DropReason reason) { return plane.dropped(reason); };
  Json rows = Json::object();
  Json loops = Json::array();
  const auto add = [&](std::string_view name, std::size_t used, std::size_t capacity) {
    const auto row = rows.emplace(std::string(name), Json{{"used", 0}, {"capacity", 0}}).first;
    (*row)["used"] = (*row)["used"].get<std::size_t>() + used;
    (*row)["capacity"] = (*row)["capacity"].get<std::size_t>() + capacity;
  };
  for (unsigned i = 0; i < plane.loops(); ++i) {
    Json loop{{"loop", i}};
    for (const auto& queue : plane.queues(i)) {
      loop[std::string(queue.name)] = queue.used;
      add(queue.name, queue.used, queue.capacity);
    }
    const auto handed_over = plane.handed_over(i);
    loop["handed_over_bytes"] = handed_over.used_bytes;
    add("handed_over_bytes", handed_over.used_bytes, handed_over.capacity_bytes);
    loops.push_back(std::move(loop));
  }
  rows["loops"] = std::move(loops);
  rows["handed_over_bytes"]["dropped"] = dropped(dataplane::DropReason::loop_queue_full);
  rows["stun"]["dropped"] = dropped(dataplane::DropReason::control_queue_full);
  rows["paths"]["dropped"] = dropped(dataplane::DropReason::path_queue_full);
  rows["handshakes"]["dropped"] = dropped(dataplane::DropReason::handshake_queue_full);
  rows["staged_bytes"] = {{"used", nullptr},
                          {"capacity", dataplane::Forwarder::Options{}.most_staged_bytes},
                          {"dropped", dropped(dataplane::DropReason::stage_full) +
                                          dropped(dataplane::DropReason::stage_expired)}};
  rows["send_buffers"] = {{"dropped", dropped(dataplane::DropReason::send_would_block)}};
  return protocol::success(std::move(rows));
}

// ---- changes ----

/// The answer to a change, once it is stored.
StateKeeper::Done acknowledge(ControlSocket::Completion done, std::string what) {
  return [done = std::move(done), what = std::move(what)](const Result<void>& stored) {
    if (stored) return done(protocol::success(Json::object()));
    done(Error{what + ", and this could not be stored: " + stored.error().message});
  };
}

void join(ControlTarget& target, const Json& params, ControlSocket::Completion done) {
  const auto joined = target.node().join(protocol::get_string(params, "token"), target.now());
  target.pump();
  if (!joined) return done(joined.error());
  target.when_stored(acknowledge(std::move(done), "the node joins"));
}

void change_candidate(ControlTarget& target, const Json& params, bool is_added,
                      ControlSocket::Completion done) {
  const auto text = protocol::get_string(params, "address");
  const auto address = text ? net::Endpoint::parse(*text) : std::nullopt;
  if (!address) {
    return done(Error{"give an address with its port, such as 203.0.113.7:51820 or [2001:db8::7]:51820"});
  }
  const auto changed = is_added ? target.node().add_user_candidate(*address, target.now())
                                : target.node().remove_user_candidate(*address, target.now());
  target.pump();
  if (!changed) return done(changed.error());
  target.when_stored(
      acknowledge(std::move(done), is_added ? "the candidate is offered" : "the candidate is taken back"));
}

const std::unordered_map<std::string, Query>& queries() {
  static const std::unordered_map<std::string, Query> table{
      {"status", status},   {"peers", peers},     {"candidates", candidates}, {"mappings", mappings},
      {"checks", checks},   {"explain", explain}, {"plugins", list_plugins},  {"plugin.list", list_plugins},
      {"metrics", metrics}, {"buffers", buffers}, {"friends", friends},       {"history", history},
  };
  return table;
}

const std::unordered_map<std::string, Query>& changes() {
  static const std::unordered_map<std::string, Query> table{
      {"plugin.use", use_plugins},
      {"plugin.unload", unload_plugin},
  };
  return table;
}

}  // namespace

ControlSocket::Handler make_control_handler(ControlTarget& target) {
  ControlSocket::Handler handler;
  for (const auto& [name, call] : queries())
    handler.read_only_methods.insert(name);
  for (const auto& [name, call] : changes())
    handler.changing_methods.insert(name);
  handler.changing_methods.insert({"join", "leave", "ping", "friend.add", "friend.remove", "candidate.add",
                                   "candidate.remove", "netcheck", "plugin.record", "plugin.record.stop",
                                   "plugin.load", "plugin.reload"});
  handler.call = [&target](const std::string& method, const Json& params, const PeerCredentials&,
                           ControlSocket::Completion done, ControlSocket::Progress progress) {
    if (const auto at = queries().find(method); at != queries().end())
      return done(at->second(target, params));
    if (const auto at = changes().find(method); at != changes().end())
      return done(at->second(target, params));
    if (method == "join") return join(target, params, std::move(done));
    if (method == "leave") {
      target.on_left(acknowledge(std::move(done), "the node has left"));
      target.node().leave(target.now());
      return target.pump();
    }
    if (method == "plugin.load") return load_plugin(target, params, std::move(done));
    if (method == "plugin.reload") return reload_plugin(target, params, std::move(done));
    if (method == "candidate.add") return change_candidate(target, params, true, std::move(done));
    if (method == "candidate.remove") return change_candidate(target, params, false, std::move(done));
    if (method == "netcheck") return start_netcheck(target, std::move(done), std::move(progress));
    if (method == "plugin.record") return start_record(target, params, std::move(done), std::move(progress));
    if (method == "plugin.record.stop") return done(stop_record(target));
    if (method == "friend.add") return add_friend(target, params, std::move(done));
    if (method == "friend.remove") return remove_friend(target, params, std::move(done));
    start_ping(target, params, std::move(done), std::move(progress));
  };
  return handler;
}

}  // namespace causeway::daemon
