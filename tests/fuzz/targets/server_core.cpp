#include "server/src/core/server_core.hpp"

#include <array>
#include <charconv>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "input.hpp"
#include "unit/server/core_harness.hpp"

namespace causeway::fuzz {
namespace {

using namespace std::string_literals;
using protocol::Json;
using server::ConnectionId;

constexpr std::size_t kMostConnections = 8;

/// What every input begins with, made once: two networks, three tokens, the keys of three nodes.
struct Foundation {
  Foundation() {
    server::CoreHarness harness("10.10.0.0/29", kMostConnections);
    tokens = {harness.token(), harness.token({{"uses", 1}, {"expires_s", 60}}),
              harness.token({{"uses", 2}, {"expires_s", 86'400}}, "office")};
    store = harness.store;
    SeededRandom random(101);
    for (auto& node : keys)
      node = crypto::generate_identity(random);
  }
  server::ServerSettings settings = server::CoreHarness::settings();
  server::MemoryStore store;
  std::array<std::string, 3> tokens;
  std::array<crypto::IdentityKeys, 3> keys;
};

/// A node's record as the parameters of `update`, remembered from other inputs.
const std::string& update_params(const Foundation& foundation, std::size_t who, const std::string& name,
                                 const std::string& network, const std::string& address, std::uint8_t serial,
                                 WallTime expires) {
  static std::unordered_map<std::string, std::string> known;
  const std::string key = network + '/' + address + '/' + std::to_string(who) + '/' + std::to_string(serial) +
                          '/' + std::to_string(expires.time_since_epoch().count());
  if (const auto found = known.find(key); found != known.end()) return found->second;
  if (known.size() > 20'000) known.clear();
  protocol::NodeRecord record;
  record.network = network;
  record.name = name;
  record.identity = foundation.keys[who].public_key;
  record.virtual_addresses = {*net::IpAddress::parse(address)};
  record.abilities = {"wireguard"};
  record.serial = serial;
  record.expires = expires;
  const protocol::UpdateParams params{{}, protocol::sign(record, foundation.keys[who].secret)};
  return known.emplace(key, params.to_json().dump()).first->second;
}

/// What stands between `before` and the next quote.
std::optional<std::string_view> quoted_after(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find('"'));
}

/// Three nodes of two networks, and connections that nobody trusts, in any order with a disk that fails.
/// Requests are put together and replies are read as text: what takes time is the server.
class Server {
 public:
  explicit Server(const Foundation& foundation) : foundation_(foundation), store_(foundation.store) {
    start_core();
    for (std::size_t who = 0; who < nodes_.size(); ++who)
      open(who);
  }

  void act(Input& input) {
    const std::uint8_t what = input.byte();
    const std::size_t who = input.below(3);
    Node& node = nodes_[who];
    switch (what % 16) {
      case 0:
        say(node, as_text(input.take(input.u16() % 512)));
        break;
      case 1:
        if ((what & 16) != 0) core_->on_closed(node.connection, now_);
        open(who);
        break;
      case 2:
      case 3:
        authenticate(who, what, input);
        break;
      case 4:
      case 5:
        ask(who, Kind::registering, "register",
            R"({"candidates":[)" + candidate(4000) + R"(],"session_key":")" + std::string(43, 'A') +
                R"(="})");
        break;
      case 6:
        if (!node.address.empty()) {
          ask(who, Kind::other, "update",
              update_params(foundation_, who, node.name, node.network, node.address, input.byte(),
                            std::chrono::floor<std::chrono::days>(now_.wall) + std::chrono::days(30)));
        }
        break;
      case 7:
        ask(who, Kind::other, "query", R"({"addresses":"*"})");
        break;
      case 8:
        if ((what & 96) != 0) {
          static constexpr std::array kMethods{"subscribe", "subscribe", "unsubscribe",
                                               "subscription.answer"};
          const char* method = kMethods[(what >> 5) & 3];
          const std::string list = R"([")" + address(input) + R"(",")" + address(input) + R"("])";
          const std::string params =
              method == std::string_view("subscription.answer")
                  ? R"({"accepted":)" + list + R"(,"refused":)" + ((what & 16) != 0 ? list : "[]"s) + "}"
                  : R"({"addresses":)" + list + "}";
          ask(who, Kind::other, method, params);
          break;
        }
        ask(who, Kind::other, "query",
            R"({"addresses":[")" + address(input) + R"(",")" + address(input) + R"("]})");
        break;
      case 9:
        ask(who, Kind::other, "connect",
            R"({"virtual_address":")" + address(input) + R"(","ufrag":"ufrag1","candidates":[)" +
                candidate(input.u16()) + "]}");
        break;
      case 10:
        if ((what & 96) == 96) {
          ask(who, Kind::other, "report", R"({"paths":[)" + path(input) + "," + path(input) + "]}");
          break;
        }
        ask(who, Kind::other, (what & 16) != 0 ? "deregister" : "ping", "{}");
        break;
      case 11: {  // any method with any parameters
        static constexpr std::array kMethods{"authenticate",
                                             "register",
                                             "update",
                                             "query",
                                             "connect",
                                             "deregister",
                                             "ping",
                                             "admin.nodes",
                                             "friends.add",
                                             "friends.list",
                                             "friends.remove",
                                             "friends.changed",
                                             "subscribe",
                                             "unsubscribe",
                                             "subscription.answer",
                                             "subscription.request",
                                             "report"};
        const char* method = kMethods[input.below(kMethods.size())];
        ask(who, Kind::other, method, as_text(input.take(input.u16() % 512)));
        break;
      }
      case 12:
        advance(std::chrono::milliseconds(input.u16() * 4));
        break;
      case 13:
        holds_commits_ = (what & 16) != 0;
        store_.fail_commits((what & 32) != 0);
        answer_commits();
        break;
      case 14:
        if ((what & 112) == 112) {
          // Once is enough: it takes as long as a hundred other steps.
          for (int i = 0; i < 150 && !has_flooded_; ++i)
            say(node, R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
          has_flooded_ = true;
        } else {
          static constexpr std::array kMethods{"friends.add", "friends.remove", "friends.list"};
          ask(who, Kind::other, kMethods[(what >> 4) % 3],
              R"({"user":")" + nodes_[input.below(3)].name + R"("})");
        }
        break;
      default:
        if ((what & 112) == 112) restart();
    }
    pump();
    check();
  }

  void finish() {
    store_.fail_commits(false);
    holds_commits_ = false;
    answer_commits();
    advance(std::chrono::seconds(200));
    check();
    require(core_->pending_commits() == 0, "a commit that is never answered");
    check_addresses();
    require(subscriptions() == 0, "a subscription outlives its asker");
  }

 private:
  enum class Kind : std::uint8_t { authenticating, registering, other };
  struct Node {
    std::string name;
    std::string network = "home";
    std::string address = {};
    ConnectionId connection = ConnectionId::none;
  };
  struct Request {
    std::size_t who;
    ConnectionId connection;
    Kind kind;
    std::string network;
  };

  void start_core() {
    core_ = std::make_unique<server::ServerCore>(foundation_.settings, store_.load().value(),
                                                 kMostConnections, random_, now_);
  }
  /// What was acknowledged is in the store: a crash loses nothing but what waits.
  void restart() {
    start_core();
    held_.clear();
    requests_.clear();
    networks_.clear();
    for (std::size_t who = 0; who < nodes_.size(); ++who)
      open(who);
  }
  void open(std::size_t who) {
    static const net::IpAddress source = *net::IpAddress::parse("203.0.113.5");
    const ConnectionId id{++last_connection_};
    if (core_->on_accepted(id, source, now_) != server::Admission::admitted) return;
    core_->on_secured(id, server::CoreHarness::exporter(id), now_);
    nodes_[who].connection = id;
  }
  void authenticate(std::size_t who, std::uint8_t what, Input& input) {
    Node& node = nodes_[who];
    node.network = (what & 32) != 0 ? "office" : "home";
    const crypto::IdentityKeys& keys = foundation_.keys[who];
    auto signature = crypto::sign(
        keys.secret,
        protocol::authentication_payload(node.network, server::CoreHarness::exporter(node.connection)));
    const std::string token =
        (what & 16) != 0 ? R"("token":")" + foundation_.tokens[input.below(3)] + R"(",)" : ""s;
    if ((what & 64) != 0) signature.fill(input.byte());
    ask(who, Kind::authenticating, "authenticate",
        R"({"identity":")" + keys.public_key.to_base64() + R"(","name":")" + node.name + R"(","network":")" +
            node.network + R"(","signature":")" + to_base64(signature) + R"(",)" + token +
            R"("version":"test"})");
  }
  void ask(std::size_t who, Kind kind, std::string_view method, std::string_view params) {
    Node& node = nodes_[who];
    const std::uint64_t id = ++last_request_;
    requests_[id] = {who, node.connection, kind, node.network};
    std::string line = R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":")";
    line.append(method).append(R"(","params":)").append(params).append("}");
    say(node, line);
  }
  void say(const Node& node, std::string_view line) {
    core_->on_line(node.connection, line, now_);
    pump();
  }
  static std::string candidate(std::uint16_t port) {
    return R"({"type":"host","protocol":"udp","address":"192.0.2.10:)" + std::to_string(port) +
           R"(","foundation":"f1","priority":1000})";
  }
  static std::string path(Input& input) {
    static constexpr std::array kStates{"valid", "selected", "lost"};
    return R"({"peer":")" + address(input) + R"(","local":"192.0.2.)" + std::to_string(input.byte()) +
           R"(","remote":"192.0.2.)" + std::to_string(input.byte()) +
           R"(","local_type":"host","remote_type":"prflx","transport":"udp","state":")" +
           kStates[input.below(3)] + R"(","rtt_us":)" + std::to_string(input.u16() * 1000) + "}";
  }
  static std::string address(Input& input) {
    const std::string end = std::to_string(input.byte() % 8);
    return (input.flag() ? "10.20.0." : "10.10.0.") + end;
  }

  void advance(Duration by) {
    const SteadyTime end = now_.steady + by;
    do {
      const SteadyTime next = std::max(now_.steady, std::min(end, core_->next_timeout().value_or(end)));
      now_.wall += next - now_.steady;
      now_.steady = next;
      core_->on_timeout(now_);
      pump();
    } while (now_.steady < end);
  }
  void pump() {
    while (auto action = core_->poll_action()) {
      if (const auto* send = std::get_if<server::SendLine>(&*action)) read(send->connection, *send->line);
      if (auto* commit = std::get_if<server::Commit>(&*action)) {
        held_.push_back(std::move(*commit));
        if (!holds_commits_) answer_commits();
      }
    }
  }
  void answer_commits() {
    while (!held_.empty()) {
      server::Commit commit = std::move(held_.front());
      held_.pop_front();
      bool is_stored = false;
      store_.commit(std::move(commit.changes), [&is_stored](const auto& error) { is_stored = !error; });
      core_->on_committed(commit.id, is_stored, now_);
    }
  }

  void read(ConnectionId to, std::string_view line) {
    constexpr std::string_view kReply = R"({"id":)";
    if (line.starts_with(kReply)) {
      std::uint64_t id = 0;
      std::from_chars(line.data() + kReply.size(), line.data() + line.size(), id);
      if (const auto asked = requests_.find(id); asked != requests_.end()) {
        on_reply(asked->second, line);
        requests_.erase(asked);
      }
    }
    // No node of another network is ever told about.
    for (std::string_view rest = line;;) {
      const auto body = quoted_after(rest, R"("body":")");
      if (!body) return;
      rest.remove_prefix(static_cast<std::size_t>(body->data() - rest.data()));
      const std::string& own = networks_[to];
      require(!own.empty(), "a stranger is told of a node");
      const auto record = from_base64(*body);
      require(record && as_text(*record).find(R"("network":")" + own + '"') != std::string_view::npos,
              "a record that is not of this network");
    }
  }
  void on_reply(const Request& asked, std::string_view line) {
    if (line.find(R"("result":)") == std::string_view::npos) return;
    if (asked.kind == Kind::authenticating) networks_[asked.connection] = asked.network;
    if (asked.kind == Kind::registering) {
      if (const auto held = quoted_after(line, R"("virtual_address":")")) nodes_[asked.who].address = *held;
    }
  }
  void check() { require(core_->pending_commits() <= 64, "commits pile up"); }
  /// That stand, of nodes that are all away by then.
  std::uint64_t subscriptions() {
    const ConnectionId control{++last_connection_};
    core_->on_control_opened(control, now_);
    core_->on_line(control, R"({"jsonrpc":"2.0","id":1,"method":"admin.stats","params":{}})", now_);
    const auto action = core_->poll_action();
    const auto* send = action ? std::get_if<server::SendLine>(&*action) : nullptr;
    require(send != nullptr, "the administrator gets no figures");
    return Json::parse(*send->line)["result"]["subscriptions"].get<std::uint64_t>();
  }
  void check_addresses() {
    const ConnectionId control{++last_connection_};
    core_->on_control_opened(control, now_);
    core_->on_line(control, R"({"jsonrpc":"2.0","id":1,"method":"admin.nodes","params":{}})", now_);
    const auto action = core_->poll_action();
    const auto* send = action ? std::get_if<server::SendLine>(&*action) : nullptr;
    require(send != nullptr && send->connection == control, "the administrator gets no list");
    const Json reply = Json::parse(*send->line);
    require(reply.contains("result"), "the administrator gets no list");
    std::set<std::string> taken;
    for (const Json& node : reply["result"]) {
      if (node["virtual_address"].is_null()) continue;
      const std::string held =
          node["network"].get<std::string>() + " " + node["virtual_address"].get<std::string>();
      require(taken.insert(held).second, "one address with two holders");
    }
  }

  const Foundation& foundation_;
  server::MemoryStore store_;
  SeededRandom random_{12};
  Now now_{SteadyTime(std::chrono::hours(1)), WallTime(std::chrono::seconds(1'800'000'000))};
  std::unique_ptr<server::ServerCore> core_;
  std::array<Node, 3> nodes_{Node{"n1"}, Node{"n2"}, Node{"x1"}};
  std::map<ConnectionId, std::string> networks_;  ///< that each authenticated for
  std::map<std::uint64_t, Request> requests_;     ///< that were not answered
  std::deque<server::Commit> held_;
  bool holds_commits_ = false;
  bool has_flooded_ = false;
  std::uint64_t last_connection_ = 0;
  std::uint64_t last_request_ = 0;
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(server_core) {
  static const Foundation foundation;
  Server server(foundation);
  for (int step = 0; step < 32 && !input.is_empty(); ++step)
    server.act(input);
  server.finish();
}
