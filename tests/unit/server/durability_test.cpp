#include <gtest/gtest.h>

#include "core_harness.hpp"

/// A reply is a promise: a crash directly after it must find everything it says in the store. Here the crash
/// is restart() while commits are held or fail; what they held is lost.
namespace causeway::server {
namespace {

class Durability : public testing::Test {
 protected:
  /// Sends, and tells whether a result came before the store has answered. Commits stay held.
  bool answered_before_commit(TestNode& node, const std::string& method, const Json& params) {
    harness.hold_commits = true;
    const Json reply = harness.call(node.connection, method, params);
    return reply.contains("result");
  }
  /// The store answers what it holds, and from here on at once.
  void store_answers() {
    harness.answer_commits();
    harness.hold_commits = false;
  }
  void reopen(TestNode& node) { node.connection = harness.open(); }

  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  TestNode bob{harness, 2, "bob"};
};

TEST_F(Durability, an_enrolment_under_way_is_not_promised_to_a_second_connection) {
  const auto secret = harness.token();
  reopen(alice);
  ASSERT_FALSE(answered_before_commit(alice, "authenticate", alice.auth_params(secret)));
  harness.end(alice.connection);
  reopen(alice);
  EXPECT_FALSE(answered_before_commit(alice, "authenticate", alice.auth_params(secret)));
  store_answers();
  EXPECT_TRUE(harness.take_reply(alice.connection, harness.last_request()).contains("result"));
  harness.restart();
  EXPECT_TRUE(alice.authenticate().contains("result"));
}

TEST_F(Durability, an_address_under_way_is_not_promised_to_a_second_connection) {
  alice.authenticate(harness.token());
  ASSERT_FALSE(answered_before_commit(alice, "register", alice.register_params()));
  harness.end(alice.connection);
  reopen(alice);
  harness.call(alice.connection, "authenticate", alice.auth_params());
  EXPECT_FALSE(answered_before_commit(alice, "register", alice.register_params()));
  store_answers();
}

TEST_F(Durability, an_address_that_was_not_stored_is_not_promised_while_it_is_written_again) {
  alice.authenticate(harness.token());
  harness.store.fail_commits(true);
  EXPECT_EQ(error_code(alice.register_node()), code(ErrorCode::try_later));
  harness.store.fail_commits(false);
  harness.hold_commits = true;
  harness.advance(ServerCore::kCommitRetry);
  ASSERT_FALSE(harness.held.empty());
  EXPECT_FALSE(answered_before_commit(alice, "register", alice.register_params()));
  harness.hold_commits = false;
  harness.restart();
  const Json entry = harness.node_entry("alice");
  EXPECT_TRUE(entry["virtual_address"].is_null());
}

TEST_F(Durability, a_node_that_returns_while_its_leaving_is_stored_waits_for_its_return_to_be_stored) {
  alice.join(harness.token());
  ASSERT_FALSE(answered_before_commit(alice, "deregister", Json::object()));
  harness.end(alice.connection);
  reopen(alice);
  EXPECT_FALSE(answered_before_commit(alice, "authenticate", alice.auth_params()));
  store_answers();
  EXPECT_FALSE(answered_before_commit(alice, "register", alice.register_params()));
  store_answers();
  const Json reply = harness.take_reply(alice.connection, harness.last_request());
  EXPECT_EQ(reply["result"]["virtual_address"], alice.address);
}

TEST_F(Durability, a_leaving_that_could_not_be_stored_ends_with_the_next_authentication) {
  alice.join(harness.token());
  harness.store.fail_commits(true);
  EXPECT_EQ(error_code(harness.call(alice.connection, "deregister", Json::object())),
            code(ErrorCode::try_later));
  EXPECT_EQ(error_code(alice.register_node()), code(ErrorCode::unauthenticated));
  harness.store.fail_commits(false);
  harness.advance(ServerCore::kCommitRetry);
  EXPECT_EQ(alice.join(), "10.10.0.1");
}

TEST_F(Durability, known_nodes_come_and_go_while_nothing_can_be_stored) {
  alice.join(harness.token());
  harness.store.fail_commits(true);
  for (int round = 0; round < 3; ++round) {
    harness.end(alice.connection);
    harness.advance(3s);
    EXPECT_TRUE(alice.authenticate().contains("result"));
    EXPECT_EQ(alice.register_node()["result"]["virtual_address"], alice.address);
  }
  EXPECT_EQ(error_code(bob.authenticate()), code(ErrorCode::refused));
}

TEST_F(Durability, a_new_record_is_not_promised_to_a_second_connection) {
  alice.join(harness.token());
  const Json params = protocol::UpdateParams{{}, alice.record(7)}.to_json();
  ASSERT_FALSE(answered_before_commit(alice, "update", params));
  harness.end(alice.connection);
  reopen(alice);
  harness.call(alice.connection, "authenticate", alice.auth_params());
  store_answers();
  EXPECT_TRUE(harness.take_reply(alice.connection, harness.last_request()).contains("result"));
}

TEST_F(Durability, everything_that_failed_is_stored_within_five_seconds_of_the_repair) {
  alice.join(harness.token());
  harness.store.fail_commits(true);
  EXPECT_EQ(
      error_code(harness.admin("admin.token.create", {{"network", "home"}, {"uses", 1}, {"expires_s", 60}})),
      code(ErrorCode::try_later));
  EXPECT_EQ(error_code(harness.admin("admin.network.add", {{"network", "lab"}, {"pool", "10.30.0.0/24"}})),
            code(ErrorCode::try_later));
  EXPECT_EQ(error_code(alice.update(9)), code(ErrorCode::try_later));
  EXPECT_EQ(harness.admin("admin.stats")["result"]["store"], "failing");
  harness.advance(60s);
  harness.store.fail_commits(false);
  harness.advance(5s);
  EXPECT_EQ(harness.admin("admin.stats")["result"]["store"], "ok");
  harness.restart();
  EXPECT_EQ(harness.admin("admin.networks")["result"].size(), 3U);
  EXPECT_EQ(harness.admin("admin.tokens")["result"].size(), 2U);
  EXPECT_EQ(error_code(alice.authenticate()), 0);
  EXPECT_EQ(error_code(alice.register_node()), 0);
  EXPECT_EQ(error_code(alice.update(8)), code(ErrorCode::stale));
}

}  // namespace
}  // namespace causeway::server
