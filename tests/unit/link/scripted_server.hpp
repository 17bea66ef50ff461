#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "crypto/ed25519.hpp"
#include "link/server_link_fsm.hpp"
#include "protocol/messages.hpp"
#include "protocol/rpc.hpp"

namespace causeway::link {

using protocol::Json;
using testing::HasSubstr;

inline constexpr const char* kNetwork = "home";

inline net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

/// Another node of the network, as an honest server would describe it.
struct OtherNode {
  explicit OtherNode(RandomSource& random) : keys(crypto::generate_identity(random)) {
    record.network = kNetwork;
    record.name = "n2";
    record.identity = keys.public_key;
    record.virtual_addresses = {ip("10.10.0.102")};
    record.session_key.bytes.fill(7);
    record.serial = 5;
    record.expires = WallTime(2'000'000'000s);
  }
  protocol::NodeInfo info() const {
    return {record.virtual_addresses.front(),
            record.name,
            true,
            protocol::sign(record, keys.secret),
            {{"host", "udp", *net::Endpoint::parse("192.0.2.9:4000"), "1", 100}}};
  }
  crypto::IdentityKeys keys;
  protocol::NodeRecord record;
};

/// The link with a scripted server and virtual time.
class ServerLink : public testing::Test {
 protected:
  ServerLink() { make(); }

  void make() {
    ServerLinkFsm::Options options;
    options.enrolment.network = kNetwork;
    options.enrolment.servers = {{"198.51.100.1", 7443}, {"198.51.100.2", 7443}};
    options.enrolment.secret = "AAAAAAAAAAAAAAAAAAAAAA";
    options.enrolled = enrolled;
    options.wished_name = "n1";
    options.identity = keys.secret;
    options.identity_public = keys.public_key;
    options.session_key.bytes.fill(3);
    options.record_serial = 40;
    options.seen_serials = seen;
    fsm = std::make_unique<ServerLinkFsm>(std::move(options), random);
  }

  template <class Action>
  std::vector<Action> take() {
    drain();
    std::vector<Action> found;
    for (auto it = log.begin(); it != log.end();) {
      if (auto* action = std::get_if<Action>(&*it)) {
        found.push_back(std::move(*action));
        it = log.erase(it);
      } else {
        ++it;
      }
    }
    return found;
  }
  void drain() {
    while (auto action = fsm->poll_action())
      log.push_back(std::move(*action));
  }
  /// The next request that the node has sent and nobody has looked at.
  Json next_request() {
    for (auto& line : take<SendLine>())
      requests.push_back(*protocol::parse_json(line.line));
    if (requests.empty()) return nullptr;
    Json first = requests.front();
    requests.pop_front();
    return first;
  }
  Json expect_request(std::string_view method) {
    Json request = next_request();
    EXPECT_EQ(request.value("method", ""), method);
    return request;
  }
  void reply(const Json& request, const Json& result) {
    fsm->on_line(protocol::make_result(request.at("id"), result), now);
  }
  void fail(const Json& request, protocol::ErrorCode code, std::optional<std::uint32_t> retry = {}) {
    fsm->on_line(
        protocol::make_error(request.at("id").get<std::uint64_t>(), {code, "the server's words", retry}),
        now);
  }
  void notify(std::string_view method, const Json& params) {
    fsm->on_line(protocol::make_notification(method, params), now);
  }

  Json registered_as(const char* address) {
    protocol::RegisterResult result;
    result.virtual_address = ip(address);
    result.prefix = *net::Prefix::parse("10.10.0.0/24");
    result.stun = {*net::Endpoint::parse("198.51.100.1:3478")};
    return result.to_json();
  }
  static Json authenticated() {
    return protocol::AuthenticateResult{"n1", "ann", {}, {"reach"}, 60}.to_json();
  }
  /// From connecting to online, with the answers of an honest server.
  void come_online() {
    fsm->on_connected(exporter, now);
    reply(expect_request("authenticate"), authenticated());
    reply(expect_request("register"), registered_as("10.10.0.101"));
    ASSERT_EQ(fsm->state(), LinkState::online);
  }
  void settle() {
    for (Json request = next_request(); !request.is_null(); request = next_request()) {
      reply(request, request["method"] == "query" ? protocol::QueryResult{}.to_json() : Json::object());
    }
    drain();
    log.clear();
  }
  void start_online() {
    fsm->start(now);
    come_online();
    settle();
  }
  void advance(Duration time) {
    now.steady += time;
    now.wall += time;
  }
  /// Lets time pass up to the next timeout and delivers it; how long that took.
  Duration run_to_timeout() {
    const auto next = fsm->next_timeout();
    if (!next) return Duration(-1);
    const Duration waited = std::max(Duration(0), *next - now.steady);
    advance(waited);
    fsm->on_timeout(now);
    return waited;
  }
  std::string last_reason() {
    const auto changes = take<LinkStateChanged>();
    return changes.empty() ? "" : changes.back().reason;
  }

  SeededRandom random{1};
  crypto::IdentityKeys keys = crypto::generate_identity(random);
  OtherNode other{random};
  bool enrolled = false;
  SeenSerials seen;
  std::unique_ptr<ServerLinkFsm> fsm;
  Now now{SteadyTime(1000s), WallTime(1'790'000'000s)};
  Bytes exporter = Bytes(32, 0xab);
  std::deque<LinkAction> log;
  std::deque<Json> requests;
};

}  // namespace causeway::link
