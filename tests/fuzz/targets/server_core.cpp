#include "server/src/core/server_core.hpp"

#include <array>
#include <set>
#include <vector>

#include "input.hpp"
#include "unit/server/core_harness.hpp"

namespace causeway::fuzz {
namespace {

using protocol::Json;
using server::ConnectionId;

/// Three enrolled nodes of two networks, and connections that nobody trusts, in any order with a disk that
/// fails.
class Server {
 public:
  Server() : harness_("10.10.0.0/29", 8) {
    nodes_.emplace_back(harness_, 101, "n1");
    nodes_.emplace_back(harness_, 102, "n2");
    nodes_.emplace_back(harness_, 103, "x1");
    tokens_ = {harness_.token(), harness_.token({{"uses", 1}, {"expires_s", 60}}),
               harness_.token({{"uses", 2}, {"expires_s", 86'400}}, "office")};
    for (auto& node : nodes_)
      open(node);
  }

  void act(Input& input) {
    const std::uint8_t what = input.byte();
    const std::size_t who = input.below(3);
    server::TestNode& node = nodes_[who];
    switch (what % 16) {
      case 0:
        harness_.line(node.connection, std::string(as_text(input.take(input.u16() % 512))));
        break;
      case 1:
        if ((what & 16) != 0) harness_.end(node.connection);
        open(node);
        break;
      case 2:
      case 3: {
        node.network = (what & 32) != 0 ? "office" : "home";
        Json params =
            node.auth_params((what & 16) != 0 ? std::optional(tokens_[input.below(3)]) : std::nullopt);
        if ((what & 64) != 0) params["signature"] = to_base64(Bytes(64, input.byte()));
        if (ask(node, "authenticate", params).contains("result")) networks_[who] = node.network;
        break;
      }
      case 4:
      case 5: {
        const Json reply = ask(node, "register", node.register_params());
        if (reply.contains("result")) node.address = reply["result"]["virtual_address"];
        break;
      }
      case 6:
        if (!node.address.empty()) {
          ask(node, "update", protocol::UpdateParams{{}, node.record(input.byte())}.to_json());
        }
        break;
      case 7:
        ask(node, "query", {{"addresses", "*"}});
        break;
      case 8:
        ask(node, "query", {{"addresses", Json::array({address(input), address(input)})}});
        break;
      case 9:
        ask(node, "connect",
            protocol::ConnectParams{
                *net::IpAddress::parse(address(input)), "ufrag1", {server::TestNode::candidate(input.u16())}}
                .to_json());
        break;
      case 10:
        ask(node, (what & 16) != 0 ? "deregister" : "ping", Json::object());
        break;
      case 11: {  // any method with any parameters
        static constexpr std::array kMethods{"authenticate", "register",   "update", "query",
                                             "connect",      "deregister", "ping",   "admin.nodes"};
        const char* method = kMethods[input.below(kMethods.size())];
        const auto params = protocol::parse_json(as_text(input.take(input.u16() % 512)));
        ask(node, method, params ? *params : Json::object());
        break;
      }
      case 12:
        harness_.advance(std::chrono::milliseconds(input.u16() * 4));
        break;
      case 13:
        harness_.hold_commits = (what & 16) != 0;
        harness_.store.fail_commits((what & 32) != 0);
        harness_.answer_commits();
        break;
      case 14:
        for (int i = 0; i < 150; ++i)
          harness_.line(node.connection, R"({"jsonrpc":"2.0","id":1,"method":"ping"})");
        break;
      default:
        if ((what & 112) == 112) restart();
    }
    check();
  }

  void finish() {
    harness_.store.fail_commits(false);
    harness_.answer_commits();
    harness_.hold_commits = false;
    harness_.advance(std::chrono::seconds(200));
    check();
    require(harness_.core->pending_commits() == 0, "a commit that is never answered");
    check_addresses();
  }

 private:
  void open(server::TestNode& node) {
    const ConnectionId opened = harness_.open(node.source.c_str());
    if (opened != ConnectionId::none) node.connection = opened;
  }
  void restart() {
    // What was acknowledged is in the store: a crash loses nothing but what waits.
    harness_.restart();
    for (auto& node : nodes_)
      open(node);
  }
  std::string address(Input& input) {
    const std::string end = std::to_string(input.byte() % 8);
    return (input.flag() ? "10.20.0." : "10.10.0.") + end;
  }
  Json ask(server::TestNode& node, std::string_view method, const Json& params) {
    Json reply = harness_.call(node.connection, method, params);
    inspect(node, reply);
    return reply;
  }
  /// No node of another network is ever told about.
  void inspect(const server::TestNode& node, const Json& value) {
    if (value.is_array()) {
      for (const Json& inner : value)
        inspect(node, inner);
    }
    if (!value.is_object()) return;
    if (const auto info = protocol::NodeInfo::parse(value)) {
      const std::string& own = networks_[static_cast<std::size_t>(&node - nodes_.data())];
      require(info->record.body.find('"' + own + '"') != std::string::npos,
              "a record that is not of this network");
    }
    for (const auto& [key, inner] : value.items())
      inspect(node, inner);
  }
  void check() {
    for (auto& node : nodes_) {
      for (const Json& message : std::exchange(harness_.inbox[node.connection], {}))
        inspect(node, message);
    }
    harness_.inbox.clear();
    harness_.closed.clear();
    harness_.raised.clear();
    require(harness_.core->pending_commits() <= 64, "commits pile up");
  }
  void check_addresses() {
    const Json reply = harness_.admin("admin.nodes");
    require(reply.contains("result"), "the administrator gets no list");
    std::set<std::string> taken;
    for (const Json& node : reply["result"]) {
      if (node["virtual_address"].is_null()) continue;
      const std::string held =
          node["network"].get<std::string>() + " " + node["virtual_address"].get<std::string>();
      require(taken.insert(held).second, "one address with two holders");
    }
  }

  server::CoreHarness harness_;
  std::vector<server::TestNode> nodes_;
  std::array<std::string, 3> tokens_;
  std::array<std::string, 3> networks_;  ///< that each last authenticated for
};

}  // namespace
}  // namespace causeway::fuzz

CAUSEWAY_FUZZ_TARGET(server_core) {
  Server server;
  for (int step = 0; step < 64 && !input.is_empty(); ++step)
    server.act(input);
  server.finish();
}
