#include <gtest/gtest.h>

#include "core_harness.hpp"
#include "protocol/line_reader.hpp"

namespace causeway::server {
namespace {

class Exchange : public testing::Test {
 protected:
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  TestNode bob{harness, 2, "bob"};

  void SetUp() override {
    alice.join(harness.token());
    bob.join(harness.token());
  }
  Json query(TestNode& who, const Json& params) {
    return harness.call(who.connection, "query", params)["result"];
  }
};

TEST_F(Exchange, query_tells_nodes_and_what_is_unreachable) {
  const Json result = query(alice, {{"addresses", {"10.10.0.2", "10.10.0.150"}}});
  ASSERT_EQ(result["nodes"].size(), 1U);
  EXPECT_EQ(result["nodes"][0]["name"], "bob");
  EXPECT_EQ(result["nodes"][0]["state"], "online");
  EXPECT_EQ(result["nodes"][0]["candidates"].size(), 1U);
  EXPECT_EQ(result["unreachable"], Json({"10.10.0.150"}));
  const auto info = protocol::NodeInfo::parse(result["nodes"][0]);
  ASSERT_TRUE(info);
  EXPECT_TRUE(protocol::verify(info->record, "home", harness.now.wall));
}

TEST_F(Exchange, star_is_everybody_else_online_or_not) {
  harness.end(bob.connection);
  const Json result = query(alice, {{"addresses", "*"}});
  ASSERT_EQ(result["nodes"].size(), 1U);
  EXPECT_EQ(result["nodes"][0]["state"], "offline");
}

TEST_F(Exchange, networks_do_not_see_each_other) {
  TestNode stranger{harness, 9, "stranger"};
  stranger.connection = harness.open();
  const auto secret = harness.token({{"uses", 1}, {"expires_s", 60}}, "office");
  stranger.network = "office";
  ASSERT_TRUE(
      harness.call(stranger.connection, "authenticate", stranger.auth_params(secret)).contains("result"));
  EXPECT_EQ(stranger.register_node()["result"]["virtual_address"], "10.20.0.1");
  EXPECT_EQ(query(stranger, {{"addresses", "*"}})["nodes"].size(), 0U);
  EXPECT_EQ(query(stranger, {{"addresses", {"10.10.0.1"}}})["unreachable"].size(), 1U);
  EXPECT_EQ(error_code(stranger.connect_to("10.10.0.1")), code(ErrorCode::no_such_address));
}

TEST_F(Exchange, a_large_network_comes_in_pages_that_fit_a_line) {
  const auto secret = harness.token({{"uses", 100}, {"expires_s", 600}});
  std::vector<TestNode> nodes;
  for (unsigned i = 0; i < 100; ++i)
    nodes.emplace_back(harness, 1000 + i, std::string("n").append(std::to_string(i)));
  for (unsigned i = 0; i < 100; ++i) {
    nodes[i].source = std::string("203.0.113.").append(std::to_string(i));
    ASSERT_NE(nodes[i].join(secret), "");
  }
  std::set<std::string> seen;
  Json params{{"addresses", "*"}};
  int pages = 0;
  while (true) {
    const Json reply = harness.call(alice.connection, "query", params);
    ++pages;
    EXPECT_LE(reply.dump().size(), protocol::kLineBytes);
    ASSERT_TRUE(protocol::parse_json(reply.dump())) << "the reader's limits hold";
    for (const auto& node : reply["result"]["nodes"])
      EXPECT_TRUE(seen.insert(node["name"]).second);
    if (!reply["result"].contains("next")) break;
    params["after"] = reply["result"]["next"];
    ASSERT_LT(pages, 50);
  }
  EXPECT_EQ(seen.size(), 101U);
  EXPECT_GT(pages, 1);
}

TEST_F(Exchange, connect_offers_both_ways) {
  const Json first = alice.connect_to(bob.address, "alice1");
  EXPECT_EQ(first["result"]["node"]["name"], "bob");
  EXPECT_FALSE(first["result"].contains("ufrag")) << "bob has offered nothing yet";
  const auto offer = bob.take("connect.offer");
  ASSERT_EQ(offer.size(), 1U);
  EXPECT_EQ(offer[0]["ufrag"], "alice1");
  EXPECT_EQ(offer[0]["node"]["virtual_address"], alice.address);
  EXPECT_EQ(offer[0]["node"]["candidates"][0]["address"], "192.0.2.10:5000")
      << "those for bob, not the general ones";

  const Json second = bob.connect_to(alice.address, "bob12");
  EXPECT_EQ(second["result"]["ufrag"], "alice1");
  EXPECT_EQ(alice.take("connect.offer").at(0)["ufrag"], "bob12");
}

TEST_F(Exchange, connect_to_nobody_and_to_oneself) {
  EXPECT_EQ(error_code(alice.connect_to("10.10.0.99")), code(ErrorCode::no_such_address));
  EXPECT_EQ(error_code(alice.connect_to(alice.address)), code(ErrorCode::no_such_address));
}

TEST_F(Exchange, an_offer_waits_for_an_offline_peer) {
  harness.end(bob.connection);
  EXPECT_EQ(error_code(alice.connect_to(bob.address, "alice1")), code(ErrorCode::unreachable));
  bob.authenticate();
  bob.register_node();
  EXPECT_EQ(bob.take("connect.offer").at(0)["ufrag"], "alice1");
  const auto changed = alice.take("peer.changed");
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0]["node"]["state"], "online");
}

TEST_F(Exchange, an_offer_dies_with_the_session_that_made_it) {
  alice.connect_to(bob.address, "alice1");
  harness.end(alice.connection);
  EXPECT_EQ(bob.take("peer.changed").at(0), Json({{"virtual_address", alice.address}, {"state", "offline"}}));
  alice.authenticate();
  alice.register_node();
  EXPECT_FALSE(bob.connect_to(alice.address)["result"].contains("ufrag"));
}

TEST_F(Exchange, an_offer_of_a_node_without_record_waits_for_the_record) {
  TestNode carol{harness, 3, "carol"};
  carol.authenticate(harness.token());
  carol.address = carol.register_node()["result"]["virtual_address"];
  carol.connect_to(bob.address, "carol1");
  EXPECT_TRUE(bob.take("connect.offer").empty());
  carol.update(1);
  EXPECT_EQ(bob.take("connect.offer").at(0)["ufrag"], "carol1");
}

TEST_F(Exchange, updates_reach_those_who_asked_and_nobody_else) {
  TestNode carol{harness, 3, "carol"};
  carol.join(harness.token());
  alice.connect_to(bob.address);
  alice.take("peer.changed");
  const protocol::UpdateParams params{{{TestNode::candidate(6000)}}, {}};
  EXPECT_TRUE(harness.call(bob.connection, "update", params.to_json()).contains("result"));
  const auto changed = alice.take("peer.changed");
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0]["node"]["candidates"][0]["address"], "192.0.2.10:6000");
  EXPECT_TRUE(carol.take("peer.changed").empty());
}

TEST_F(Exchange, leaving_tells_peers_that_it_is_gone) {
  alice.connect_to(bob.address);
  harness.call(bob.connection, "deregister", Json::object());
  EXPECT_EQ(alice.take("peer.changed").at(0), Json({{"virtual_address", bob.address}, {"state", "gone"}}));
  EXPECT_EQ(error_code(alice.connect_to(bob.address)), code(ErrorCode::no_such_address));
}

TEST_F(Exchange, revocation_is_told_at_once_even_while_the_disk_is_slow) {
  harness.hold_commits = true;
  harness.admin("admin.node.revoke", {{"name", "bob"}});
  EXPECT_EQ(alice.take("peer.changed").at(0), Json({{"virtual_address", "10.10.0.2"}, {"state", "revoked"}}));
  EXPECT_EQ(harness.closed.count(bob.connection), 1U);
  EXPECT_EQ(query(alice, {{"addresses", "*"}})["nodes"].size(), 0U);
}

TEST_F(Exchange, malformed_parameters_are_named) {
  EXPECT_EQ(error_code(harness.call(alice.connection, "query", {{"addresses", 5}})),
            code(ErrorCode::invalid_params));
  EXPECT_EQ(error_code(harness.call(alice.connection, "connect", {{"virtual_address", "10.10.0.2"}})),
            code(ErrorCode::invalid_params));
  EXPECT_EQ(error_code(harness.call(alice.connection, "update", {{"candidates", "x"}})),
            code(ErrorCode::invalid_params));
}

TEST_F(Exchange, random_nodes_coming_going_and_talking_keep_the_rules) {
  SeededRandom dice(42);
  CoreHarness small("10.10.0.1-10.10.0.5");
  const auto secret = small.token({{"uses", 8}, {"expires_s", 86'400}});
  std::vector<TestNode> nodes;
  for (unsigned i = 0; i < 8; ++i)
    nodes.emplace_back(small, 50 + i, std::string("n").append(std::to_string(i)));
  for (int step = 0; step < 3000; ++step) {
    TestNode& node = nodes[dice.below(nodes.size())];
    switch (dice.below(8)) {
      case 0:
        node.join(secret);
        break;
      case 1:
        small.end(node.connection);
        break;
      case 2:
        small.call(node.connection, "deregister", Json::object());
        break;
      case 3:
        node.connect_to(nodes[dice.below(nodes.size())].address.empty() ? "10.10.0.1" : "10.10.0.3");
        break;
      case 4:
        node.update(++node.serial);
        break;
      case 5:
        small.line(node.connection, std::string(dice.below(40), static_cast<char>(dice.below(256))));
        break;
      case 6:
        small.advance(std::chrono::seconds(dice.below(200)));
        break;
      case 7:
        if (dice.below(20) == 0) small.restart();
        if (dice.below(20) == 0) small.advance(std::chrono::hours(25));
        break;
    }
    small.inbox.clear();
    std::set<std::string> addresses;
    const Snapshot stored = small.store.load().value();
    for (const auto& row : stored.nodes) {
      if (!row.address) continue;
      ASSERT_TRUE(addresses.insert(row.address->to_string()).second) << "one owner, at step " << step;
    }
  }
}

}  // namespace
}  // namespace causeway::server
