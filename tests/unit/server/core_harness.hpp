#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "protocol/messages.hpp"
#include "protocol/rpc.hpp"
#include "server/src/core/server_core.hpp"
#include "server/src/storage/memory_store.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::Json;

/// One network "home" with a core, a store and virtual time. Commits are answered at once, or when
/// hold_commits is set, by answer_commits().
class CoreHarness {
 public:
  static constexpr const char* kPrefix6 = "fd12:3456:789a::/64";  // of "home"; "office" is of an older server
  explicit CoreHarness(const std::string& pool = "10.10.0.0/24", std::size_t most_connections = 10'000) {
    most_connections_ = most_connections;
    store.commit(
        {NetworkRow{"home", pool, false, net::Prefix::parse(kPrefix6)}, NetworkRow{"office", "10.20.0.0/24"}},
        [](auto) {});
    restart();
  }

  void restart() {
    core = std::make_unique<ServerCore>(settings(), store.load().value(), most_connections_, random, now);
    inbox.clear();
    closed.clear();
    held.clear();
  }

  static ServerSettings settings() {
    ServerSettings made;
    made.listen = "198.51.100.1:7443";
    made.public_address = {"198.51.100.1", 7443};
    made.stun_public = {*net::Endpoint::parse("198.51.100.1:3478")};
    made.turn_uris = {"turn:198.51.100.2:3478"};
    made.turn_secret = "north";
    made.pins = {protocol::KeyPin{1}};
    return made;
  }

  void advance(Duration by) {
    const SteadyTime end = now.steady + by;
    while (true) {
      const auto next = std::min(end, core->next_timeout().value_or(end));
      now.wall += std::max(next - now.steady, Duration(0));
      now.steady = std::max(next, now.steady);
      core->on_timeout(now);
      pump();
      if (now.steady >= end) return;
    }
  }

  ConnectionId open(const char* source = "203.0.113.5") {
    const ConnectionId id{++last_id_};
    if (core->on_accepted(id, *net::IpAddress::parse(source), now) != Admission::admitted)
      return ConnectionId::none;
    core->on_secured(id, exporter(id), now);
    pump();
    return id;
  }
  ConnectionId open_control() {
    const ConnectionId id{++last_id_};
    core->on_control_opened(id, now);
    return id;
  }
  /// Each connection has a TLS session, and so an exporter, of its own.
  static Bytes exporter(ConnectionId id) { return Bytes(32, static_cast<std::uint8_t>(id)); }

  void line(ConnectionId id, const std::string& text) {
    core->on_line(id, text, now);
    pump();
  }
  /// The reply, or a Json null when none came. Notifications stay in the inbox.
  Json call(ConnectionId id, std::string_view method, const Json& params) {
    const auto request = ++last_request_;
    line(id, protocol::make_request(request, method, params));
    return take_reply(id, request);
  }
  Json take_reply(ConnectionId id, std::uint64_t request) {
    auto& lines = inbox[id];
    for (auto entry = lines.begin(); entry != lines.end(); ++entry) {
      if (entry->value("id", Json()) != Json(request)) continue;
      const Json reply = *entry;
      lines.erase(entry);
      return reply;
    }
    return nullptr;
  }
  std::uint64_t last_request() const { return last_request_; }
  /// The notifications of that method, taken out of the inbox.
  std::vector<Json> take(ConnectionId id, std::string_view method) {
    std::vector<Json> found;
    std::deque<Json> rest;
    for (auto& entry : inbox[id]) {
      if (entry.value("method", "") == method) {
        found.push_back(entry["params"]);
      } else {
        rest.push_back(entry);
      }
    }
    inbox[id] = rest;
    return found;
  }
  void end(ConnectionId id) {
    core->on_closed(id, now);
    pump();
  }

  void pump() {
    while (auto action = core->poll_action()) {
      if (auto* send = std::get_if<SendLine>(&*action))
        inbox[send->connection].push_back(Json::parse(*send->line));
      if (auto* close = std::get_if<Close>(&*action)) closed[close->connection] = close->reason;
      if (auto* raise = std::get_if<RaiseLineLimit>(&*action)) raised.push_back(raise->connection);
      if (auto* commit = std::get_if<Commit>(&*action)) {
        held.push_back(*commit);
        if (!hold_commits) answer_commits();
      }
    }
  }
  void answer_commits() {
    while (!held.empty()) {
      const Commit commit = held.front();
      held.pop_front();
      bool stored = false;
      store.commit(commit.changes, [&stored](const auto& error) { stored = !error; });
      core->on_committed(commit.id, stored, now);
    }
    if (!hold_commits) return;
    hold_commits = false;
    pump();
    hold_commits = true;
  }

  /// The secret of a new token.
  std::string token(Json params = {{"uses", 1}, {"expires_s", 86'400}}, const std::string& network = "home") {
    params["network"] = network;
    const ConnectionId control = open_control();
    const Json reply = call(control, "admin.token.create", params);
    last_token_id = reply["result"]["id"];
    return protocol::JoinToken::parse(reply["result"]["token"].get<std::string>()).value().secret;
  }
  Json admin(const std::string& method, const Json& params = Json::object()) {
    return call(open_control(), method, params);
  }
  Json node_entry(const std::string& name) {
    const Json reply = admin("admin.nodes");
    for (const auto& node : reply["result"]) {
      if (node["name"] == name) return node;
    }
    return nullptr;
  }

  MemoryStore store;
  SeededRandom random{11};
  Now now{SteadyTime(std::chrono::hours(1)), WallTime(std::chrono::seconds(1'800'000'000))};
  std::unique_ptr<ServerCore> core;
  std::map<ConnectionId, std::deque<Json>> inbox;
  std::map<ConnectionId, std::string> closed;
  std::vector<ConnectionId> raised;
  std::deque<Commit> held;
  bool hold_commits = false;
  std::string last_token_id;

 private:
  std::size_t most_connections_;
  std::uint64_t last_id_ = 0;
  std::uint64_t last_request_ = 0;
};

/// A node as the daemon would behave, driven by hand.
class TestNode {
 public:
  TestNode(CoreHarness& harness, std::uint64_t seed, std::string name)
      : harness_(harness), name_(std::move(name)) {
    SeededRandom random(seed);
    keys_ = crypto::generate_identity(random);
  }

  Json auth_params(std::optional<std::string> token = {}) const {
    protocol::AuthenticateParams params;
    params.network = network;
    params.identity = keys_.public_key;
    params.signature = crypto::sign(
        keys_.secret, protocol::authentication_payload(network, CoreHarness::exporter(connection)));
    params.token = std::move(token);
    if (!name_.empty()) params.name = name_;
    params.version = "test";
    return params.to_json();
  }
  Json authenticate(std::optional<std::string> token = {}) {
    connection = harness_.open(source.c_str());
    return harness_.call(connection, "authenticate", auth_params(std::move(token)));
  }
  Json register_node() { return harness_.call(connection, "register", register_params()); }
  Json register_params() const {
    protocol::RegisterParams params{{}, {candidate(4000)}, {}};
    return params.to_json();
  }
  protocol::SignedRecord record(std::uint64_t record_serial) const {
    return protocol::sign(content(record_serial), keys_.secret);
  }
  protocol::NodeRecord content(std::uint64_t record_serial) const {
    protocol::NodeRecord made;
    made.network = network;
    made.name = name_;
    made.identity = keys_.public_key;
    made.virtual_addresses = {*net::IpAddress::parse(address)};
    made.abilities = {"wireguard"};
    made.serial = record_serial;
    made.expires = harness_.now.wall + std::chrono::hours(24 * 30);
    return made;
  }
  Json update(std::uint64_t record_serial) {
    return harness_.call(connection, "update", protocol::UpdateParams{{}, record(record_serial)}.to_json());
  }
  /// Authenticate, register, publish the record: all must work.
  std::string join(std::optional<std::string> token = {}) {
    if (!authenticate(std::move(token)).contains("result")) return "";
    const Json reply = register_node();
    if (!reply.contains("result")) return "";
    address = reply["result"]["virtual_address"];
    if (!update(++serial).contains("result")) return "";
    return address;
  }
  Json connect_to(const std::string& peer, const std::string& ufrag = "ufrag1") {
    protocol::ConnectParams params{*net::IpAddress::parse(peer), ufrag, {candidate(5000)}};
    return harness_.call(connection, "connect", params.to_json());
  }
  static protocol::WireCandidate candidate(std::uint16_t port) {
    return {"host", "udp", {*net::IpAddress::parse("192.0.2.10"), port}, "f1", 1000};
  }
  std::vector<Json> take(std::string_view method) { return harness_.take(connection, method); }

  ConnectionId connection = ConnectionId::none;
  std::string address;
  std::uint64_t serial = 0;
  std::string source = "203.0.113.5";
  std::string network = "home";
  const crypto::IdentityKeys& keys() const { return keys_; }
  void rename(std::string name) { name_ = std::move(name); }

 private:
  CoreHarness& harness_;
  std::string name_;
  crypto::IdentityKeys keys_;
};

/// No source may have too many strangers at once.
inline std::string source_of(unsigned number) {
  return std::string("203.0.").append(std::to_string(number / 40)).append(".7");
}

inline int error_code(const Json& reply) {
  return reply.contains("error") ? reply["error"]["code"].get<int>() : 0;
}
inline int code(ErrorCode code) { return static_cast<int>(code); }

}  // namespace causeway::server
