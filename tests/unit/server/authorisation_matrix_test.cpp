#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "core_harness.hpp"

/// Every message by everybody who has no business with it. Each cell gets a world of its own: vera, the
/// victim, and walt, who is connected with her, in network home. Whatever the actor sends, vera keeps name,
/// address, record and presence, and neither hears a word about it.
namespace causeway::server {
namespace {

constexpr int kDone = 0;      // allowed: it concerns the actor alone
constexpr int kClosed = 999;  // nobody answers: the connection was ended

struct World {
  World() {
    vera.join(harness.token());
    walt.join(harness.token());
    walt.connect_to(vera.address);
    vera.connect_to(walt.address);
    // walt hears of vera's changes by her consent, too.
    harness.call(walt.connection, "subscribe", {{"addresses", {vera.address}}});
    harness.call(vera.connection, "subscription.answer",
                 {{"accepted", {walt.address}}, {"refused", Json::array()}});
  }
  std::uint64_t subscriptions() { return harness.admin("admin.stats")["result"]["subscriptions"]; }
  std::uint64_t reports() { return harness.admin("admin.stats")["result"]["reports"]["paths"]; }
  std::string office_token() { return harness.token({{"uses", 1}, {"expires_s", 60}}, "office"); }

  CoreHarness harness;
  TestNode vera{harness, 1, "vera"};
  TestNode walt{harness, 2, "walt"};
  TestNode actor{harness, 3, "mallory"};
};

struct Message {
  const char* name;
  std::function<Json(World&)> params;
  std::string_view method;
};

const std::vector<Message>& messages() {
  static const std::vector<Message> all = {
      {"authenticate as vera",
       [](World& w) {
         Json params = w.actor.auth_params();
         params["identity"] = w.vera.keys().public_key.to_base64();
         return params;
       },
       "authenticate"},
      {"authenticate again", [](World& w) { return w.actor.auth_params(); }, "authenticate"},
      {"register", [](World& w) { return w.actor.register_params(); }, "register"},
      {"register vera's record",
       [](World& w) {
         return protocol::RegisterParams{{}, {}, w.vera.record(50)}.to_json();
       },
       "register"},
      {"update",
       [](World&) {
         return protocol::UpdateParams{{{}}, {}}.to_json();
       },
       "update"},
      {"update vera's record",
       [](World& w) {
         return protocol::UpdateParams{{}, w.vera.record(50)}.to_json();
       },
       "update"},
      {"query vera",
       [](World& w) {
         return Json{{"addresses", {w.vera.address}}};
       },
       "query"},
      {"query all",
       [](World&) {
         return Json{{"addresses", "*"}};
       },
       "query"},
      {"connect to vera",
       [](World& w) {
         return protocol::ConnectParams{*net::IpAddress::parse(w.vera.address), "ufrag9", {}}.to_json();
       },
       "connect"},
      {"subscribe to vera",
       [](World& w) {
         return Json{{"addresses", {w.vera.address}}};
       },
       "subscribe"},
      {"unsubscribe walt from vera",
       [](World& w) {
         return Json{{"addresses", {w.vera.address}}};
       },
       "unsubscribe"},
      {"accept and refuse for vera",
       [](World& w) {
         return Json{{"accepted", {w.walt.address}}, {"refused", {w.walt.address}}};
       },
       "subscription.answer"},
      {"report a path to vera",
       [](World& w) {
         protocol::PathReport path{*net::IpAddress::parse(w.vera.address),
                                   *net::IpAddress::parse("192.0.2.10"),
                                   *net::IpAddress::parse("192.0.2.10"),
                                   "host",
                                   "host",
                                   "udp"};
         path.rtt_us = 1000;
         return protocol::ReportParams{{path}}.to_json();
       },
       "report"},
      {"deregister", [](World&) { return Json::object(); }, "deregister"},
      {"admin.nodes", [](World&) { return Json::object(); }, "admin.nodes"},
      {"admin.token.create",
       [](World&) {
         return Json{{"network", "home"}, {"uses", 1}, {"expires_s", 60}};
       },
       "admin.token.create"},
      {"admin.node.revoke",
       [](World&) {
         return Json{{"name", "vera"}};
       },
       "admin.node.revoke"},
      {"admin.network.add",
       [](World&) {
         return Json{{"network", "mine"}, {"pool", "10.50.0.0/24"}};
       },
       "admin.network.add"},
  };
  return all;
}

struct Actor {
  const char* name;
  /// Brings world.actor to the point where it sends the message, on world.actor.connection.
  std::function<void(World&)> prepare;
  /// One code per message, in their order.
  std::vector<int> expected;
};

std::vector<int> stranger() {
  const int first = code(ErrorCode::unauthenticated);
  const int none = code(ErrorCode::method_not_found);
  const int refused = code(ErrorCode::refused);
  return {refused, refused, first, first, first, first, first, first, first,
          first,   first,   first, first, first, none,  none,  none,  none};
}

const std::vector<Actor>& actors() {
  const int invalid = code(ErrorCode::invalid_params);
  const int again = code(ErrorCode::invalid_request);
  const int none = code(ErrorCode::method_not_found);
  const int nobody = code(ErrorCode::no_such_address);
  static const std::vector<Actor> all = {
      {"unauthenticated", [](World& w) { w.actor.connection = w.harness.open(); }, stranger()},
      {"unknown identity", [](World& w) { w.actor.authenticate(); }, stranger()},
      {"expired token",
       [](World& w) {
         const auto secret = w.harness.token({{"uses", 1}, {"expires_s", 1}});
         w.harness.advance(2s);
         EXPECT_EQ(error_code(w.actor.authenticate(secret)), code(ErrorCode::token_expired));
       },
       stranger()},
      {"revoked token",
       [](World& w) {
         const auto secret = w.harness.token();
         w.harness.admin("admin.token.revoke", {{"token", w.harness.last_token_id}});
         EXPECT_EQ(error_code(w.actor.authenticate(secret)), code(ErrorCode::token_invalid));
       },
       stranger()},
      {"token of another network",
       [](World& w) {
         EXPECT_EQ(error_code(w.actor.authenticate(w.office_token())), code(ErrorCode::token_invalid));
       },
       stranger()},
      {"revoked node, back",
       [](World& w) {
         w.actor.join(w.harness.token());
         w.harness.admin("admin.node.revoke", {{"name", "mallory"}});
         EXPECT_EQ(error_code(w.actor.authenticate(w.harness.token())), code(ErrorCode::refused));
       },
       stranger()},
      {"revoked node, still there",
       [](World& w) {
         w.actor.join(w.harness.token());
         w.harness.admin("admin.node.revoke", {{"name", "mallory"}});
       },
       std::vector<int>(18, kClosed)},
      {"removed node",
       [](World& w) {
         w.actor.join(w.harness.token());
         w.harness.admin("admin.node.remove", {{"name", "mallory"}});
         w.actor.connection = w.harness.open();
       },
       stranger()},
      {"fenced connection",
       [](World& w) {
         w.actor.join(w.harness.token());
         const ConnectionId former = w.actor.connection;
         w.actor.authenticate();
         w.actor.connection = former;
       },
       std::vector<int>(18, kClosed)},
      {"node of another network",
       [](World& w) {
         w.actor.network = "office";
         w.actor.join(w.office_token());
       },
       {again, again, kDone, invalid, kDone, invalid, kDone, kDone, nobody, kDone, kDone, kDone, nobody,
        kDone, none, none, none, none}},
      {"another node",
       [](World& w) { w.actor.join(w.harness.token()); },
       {again, again, kDone, invalid, kDone, invalid, kDone, kDone, kDone, kDone, kDone, kDone, kDone, kDone,
        none, none, none, none}},
  };
  return all;
}

std::string cell(int result) {
  if (result == kDone) return "done";
  if (result == kClosed) return "closed";
  return std::string(protocol::to_string(static_cast<ErrorCode>(result)));
}

class AuthorisationMatrix : public testing::TestWithParam<std::size_t> {};

TEST_P(AuthorisationMatrix, harms_nobody) {
  const Actor& actor = actors()[GetParam()];
  std::printf("%s\n", actor.name);
  ASSERT_EQ(actor.expected.size(), messages().size());
  for (std::size_t index = 0; index < messages().size(); ++index) {
    const Message& message = messages()[index];
    SCOPED_TRACE(message.name);
    World world;
    CoreHarness& harness = world.harness;
    actor.prepare(world);
    const Json vera_before = harness.node_entry("vera");
    const auto tokens_before = harness.admin("admin.tokens")["result"].size();
    harness.inbox.clear();

    const Json reply = harness.call(world.actor.connection, message.method, message.params(world));
    const int result = reply.is_null() ? kClosed : error_code(reply);
    std::printf("  %-24s %s\n", message.name, cell(result).c_str());
    EXPECT_EQ(result, actor.expected[index]) << reply;

    const bool is_member = std::string_view(actor.name) == "another node";
    // What a member of the network may know of vera, nobody else learns.
    if (!is_member) {
      EXPECT_EQ(reply.dump().find("vera"), std::string::npos) << reply;
      EXPECT_EQ(reply.dump().find(world.vera.record(1).to_json()["body"].get<std::string>()),
                std::string::npos);
    }
    EXPECT_EQ(harness.node_entry("vera"), vera_before);
    EXPECT_EQ(harness.admin("admin.tokens")["result"].size(), tokens_before);
    EXPECT_EQ(harness.admin("admin.networks")["result"].size(), 2U);
    EXPECT_TRUE(harness.inbox[world.walt.connection].empty()) << harness.inbox[world.walt.connection].front();
    const auto told = harness.take(world.vera.connection, "connect.offer");
    EXPECT_EQ(told.empty(), !(is_member && message.method == "connect"));
    const auto asked = harness.take(world.vera.connection, "subscription.request");
    EXPECT_EQ(asked.empty(), !(is_member && message.method == "subscribe"));
    EXPECT_TRUE(harness.inbox[world.vera.connection].empty());
    EXPECT_EQ(world.subscriptions(), asked.empty() ? 1U : 2U) << "walt's stands";
    EXPECT_EQ(world.reports(), is_member && message.method == "report" ? 1U : 0U);
    // Her record is still hers to change, by the serial that follows.
    EXPECT_EQ(error_code(world.vera.update(2)), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(actors, AuthorisationMatrix, testing::Range<std::size_t>(0, 11),
                         [](const auto& each) {
                           std::string name = actors()[each.param].name;
                           for (char& letter : name) {
                             if (!std::isalnum(static_cast<unsigned char>(letter))) letter = '_';
                           }
                           return name;
                         });

// ---- how soon
// -----------------------------------------------------------------------------------------------

TEST(Revocation, reaches_every_node_of_the_network_without_delay) {
  World world;
  world.actor.join(world.harness.token());  // has no connection with vera
  world.harness.admin("admin.node.revoke", {{"name", "vera"}});
  for (TestNode* node : {&world.walt, &world.actor}) {
    const auto told = node->take("peer.changed");
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0]["state"], "revoked");
    EXPECT_EQ(told[0]["virtual_address"], world.vera.address);
  }
  EXPECT_TRUE(world.harness.closed.contains(world.vera.connection));
}

TEST(Revocation, holds_at_once_even_if_it_cannot_be_stored) {
  World world;
  world.harness.store.fail_commits(true);
  EXPECT_EQ(error_code(world.harness.admin("admin.node.revoke", {{"name", "vera"}})),
            code(ErrorCode::try_later));
  EXPECT_EQ(error_code(world.vera.authenticate()), code(ErrorCode::refused));
  world.harness.store.fail_commits(false);
  world.harness.advance(5s);
  world.harness.restart();
  EXPECT_EQ(error_code(world.vera.authenticate()), code(ErrorCode::refused));
}

TEST(Revocation, of_a_token_keeps_those_that_used_it_before) {
  World world;
  const auto secret = world.harness.token({{"uses", 2}, {"expires_s", 60}});
  world.actor.join(secret);
  world.harness.admin("admin.token.revoke", {{"token", world.harness.last_token_id}});
  TestNode late(world.harness, 4, "late");
  EXPECT_EQ(error_code(late.authenticate(secret)), code(ErrorCode::token_invalid));
  EXPECT_EQ(error_code(world.actor.authenticate()), 0);
}

TEST(Revocation, an_expired_record_is_shown_to_nobody) {
  World world;
  world.harness.advance(20h);
  world.harness.restart();
  world.vera.join();
  world.walt.join();
  EXPECT_EQ(error_code(world.walt.connect_to(world.vera.address)), 0);
  world.harness.now.wall += std::chrono::hours(24 * 31);
  EXPECT_EQ(error_code(world.walt.connect_to(world.vera.address)), code(ErrorCode::unreachable));
  const Json reply =
      world.harness.call(world.walt.connection, "query", {{"addresses", {world.vera.address}}});
  EXPECT_TRUE(reply["result"]["nodes"].empty());
}

// ---- what refusals tell
// -------------------------------------------------------------------------------------

TEST(Refusals, are_one_text_for_unknown_bad_key_revoked_and_no_such_network) {
  World world;
  CoreHarness& harness = world.harness;
  const Json unknown = world.actor.authenticate()["error"];
  EXPECT_EQ(error_code({{"error", unknown}}), code(ErrorCode::refused));

  Json params = world.vera.auth_params();
  params["signature"] = to_base64(Bytes(64, 1));
  EXPECT_EQ(harness.call(harness.open(), "authenticate", params)["error"], unknown);

  world.actor.network = "nowhere";
  EXPECT_EQ(world.actor.authenticate()["error"], unknown);
  world.actor.network = "office";
  EXPECT_EQ(world.actor.authenticate()["error"], unknown);

  harness.admin("admin.node.revoke", {{"name", "vera"}});
  EXPECT_EQ(world.vera.authenticate()["error"], unknown);
}

TEST(Refusals, of_tokens_do_not_tell_networks_apart) {
  World world;
  const Json unknown = world.actor.authenticate("AAAAAAAAAAAAAAAAAAAAAA")["error"];
  EXPECT_EQ(world.actor.authenticate(world.office_token())["error"], unknown);
  world.actor.network = "nowhere";
  EXPECT_EQ(world.actor.authenticate(world.harness.token())["error"], unknown);
}

}  // namespace
}  // namespace causeway::server
