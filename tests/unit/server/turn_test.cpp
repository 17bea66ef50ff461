// TURN credentials: made by coturn's rule, bound to a node and a time, renewed while the node stays (spec
// S7).

#include <gtest/gtest.h>

#include "core_harness.hpp"
#include "server/src/core/secrets.hpp"

namespace causeway::server {
namespace {

class TurnCredentials : public testing::Test {
 protected:
  /// Keeps alive for `time`, as a node does; what it is told stays in the inbox.
  void stay(TestNode& node, Duration time) {
    for (Duration passed{}; passed < time; passed += 60s) {
      harness.advance(60s);
      harness.call(node.connection, "ping", Json::object());
    }
  }
  std::int64_t now_s() const {
    return std::chrono::duration_cast<std::chrono::seconds>(harness.now.wall.time_since_epoch()).count();
  }

  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
};

TEST_F(TurnCredentials, are_made_as_coturn_checks_them) {
  // printf %s 1800086400:0011223344556677 | openssl dgst -sha1 -hmac north -binary | base64
  EXPECT_EQ(turn_password("north", "1800086400:0011223344556677"), "rB2M1u77efjYK0sk6RSguDt1AZ4=");
  alice.authenticate(harness.token());
  const Json turn = alice.register_node()["result"]["turn"][0];
  EXPECT_EQ(turn["expires"], now_s() + 86'400);
  const std::string username = turn["username"];
  EXPECT_EQ(username, std::to_string(now_s() + 86'400) + ":" +
                          to_hex(ByteView(alice.keys().public_key.bytes).first(8)));
  EXPECT_EQ(turn["password"], turn_password("north", username));
}

TEST_F(TurnCredentials, are_renewed_before_they_end_as_long_as_the_node_stays) {
  alice.join(harness.token());
  std::int64_t expires = now_s() + 86'400;
  for (int renewal = 0; renewal < 3; ++renewal) {
    std::vector<Json> told;
    while (told.empty() && now_s() < expires) {
      stay(alice, std::chrono::minutes(10));
      told = alice.take("turn.changed");
    }
    ASSERT_EQ(told.size(), 1U);
    const Json server = told[0]["turn"][0];
    EXPECT_GE(expires - now_s(), 6 * 3600 - 600) << "with time to spare for a relay that lasts";
    EXPECT_LE(expires - now_s(), 12 * 3600);
    EXPECT_GT(server["expires"], expires);
    EXPECT_EQ(server["password"], turn_password("north", server["username"].get<std::string>()));
    expires = server["expires"];
  }
}

TEST_F(TurnCredentials, of_nodes_that_came_together_are_not_renewed_together) {
  std::vector<TestNode> nodes;
  for (unsigned i = 0; i < 20; ++i)
    nodes.emplace_back(harness, 100 + i, std::string("n").append(std::to_string(i)));
  for (TestNode& node : nodes)
    node.join(harness.token());
  std::set<int> rounds;
  for (int round = 0; round < 355; ++round) {
    harness.advance(std::chrono::minutes(2));
    for (TestNode& node : nodes)
      harness.call(node.connection, "ping", Json::object());
  }
  // 12 hours after registration the window opens; it is 6 hours wide.
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 5; ++i) {
      harness.advance(std::chrono::minutes(2));
      for (TestNode& node : nodes)
        harness.call(node.connection, "ping", Json::object());
    }
    for (TestNode& node : nodes) {
      if (!node.take("turn.changed").empty()) rounds.insert(round);
    }
  }
  EXPECT_GE(rounds.size(), 8U);
}

TEST_F(TurnCredentials, nobody_is_told_who_has_left) {
  alice.join(harness.token());
  harness.end(alice.connection);
  harness.inbox.clear();
  harness.advance(std::chrono::hours(23));
  EXPECT_TRUE(harness.inbox.empty());
  // Back again: new ones at once, and one renewal, not two.
  alice.authenticate();
  EXPECT_EQ(alice.register_node()["result"]["turn"][0]["expires"], now_s() + 86'400);
  stay(alice, std::chrono::hours(18));
  EXPECT_EQ(alice.take("turn.changed").size(), 1U);
}

TEST_F(TurnCredentials, many_are_renewed_a_few_at_a_time) {
  CoreHarness large("10.10.0.0/16", 20'000);
  const std::size_t most = ServerCore::kMostRenewalsAtOnce;
  std::vector<TestNode> nodes;
  const auto secret = large.token({{"uses", 2000}, {"expires_s", 600}});
  for (unsigned i = 0; i < most + 200; ++i) {
    nodes.emplace_back(large, 10'000 + i, std::string("n").append(std::to_string(i)));
    nodes.back().source = source_of(i);
    nodes.back().authenticate(secret);
    nodes.back().register_node();
  }
  // The clock of the server leaps: all of them are due at once.
  large.inbox.clear();
  large.now.wall += std::chrono::hours(30);
  const auto told = [&large] {
    std::size_t count = 0;
    for (const auto& [id, lines] : large.inbox)
      count += lines.size();
    return count;
  };
  large.advance(10s);
  EXPECT_EQ(told(), most);
  large.advance(10s);
  EXPECT_EQ(told(), most + 200);
}

}  // namespace
}  // namespace causeway::server
