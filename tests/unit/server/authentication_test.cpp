#include <gtest/gtest.h>

#include "core_harness.hpp"

namespace causeway::server {
namespace {

class Authentication : public testing::Test {
 protected:
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  TestNode bob{harness, 2, "bob"};
};

TEST_F(Authentication, a_token_binds_a_new_identity_to_its_user) {
  const auto secret = harness.token({{"uses", 1}, {"expires_s", 60}, {"user", "Ann"}});
  const Json reply = alice.authenticate(secret);
  EXPECT_EQ(reply["result"]["name"], "alice");
  EXPECT_EQ(reply["result"]["user"], "Ann");
  EXPECT_EQ(reply["result"]["permissions"], Json({"reach"}));
  EXPECT_EQ(harness.raised, std::vector{alice.connection});
}

TEST_F(Authentication, a_known_identity_needs_no_token) {
  alice.join(harness.token());
  harness.end(alice.connection);
  EXPECT_TRUE(alice.authenticate().contains("result"));
}

TEST_F(Authentication, nothing_else_is_answered_before) {
  const ConnectionId id = harness.open();
  for (const char* method : {"register", "update", "query", "connect", "deregister"}) {
    EXPECT_EQ(error_code(harness.call(id, method, Json::object())), code(ErrorCode::unauthenticated))
        << method;
  }
  EXPECT_EQ(error_code(harness.call(id, "steal", Json::object())), code(ErrorCode::method_not_found));
  EXPECT_EQ(error_code(harness.call(id, "admin.nodes", Json::object())), code(ErrorCode::method_not_found));
}

TEST_F(Authentication, unknown_identity_and_wrong_signature_look_the_same) {
  const Json unknown = alice.authenticate();
  bob.join(harness.token());
  harness.end(bob.connection);
  bob.connection = harness.open();
  Json params = bob.auth_params();
  params["signature"] = to_base64(Bytes(64, 1));
  const Json wrong = harness.call(bob.connection, "authenticate", params);
  EXPECT_EQ(unknown["error"], wrong["error"]);
  EXPECT_EQ(error_code(wrong), code(ErrorCode::refused));
}

TEST_F(Authentication, a_signature_of_another_tls_session_is_refused) {
  alice.join(harness.token());
  const Json replayed = alice.auth_params();
  const ConnectionId other = harness.open();
  EXPECT_EQ(error_code(harness.call(other, "authenticate", replayed)), code(ErrorCode::refused));
}

TEST_F(Authentication, each_bad_token_has_its_code) {
  EXPECT_EQ(error_code(alice.authenticate("nonsense")), code(ErrorCode::token_invalid));
  const auto office = harness.token({{"uses", 1}, {"expires_s", 60}}, "office");
  EXPECT_EQ(error_code(alice.authenticate(office)), code(ErrorCode::token_invalid));

  const auto spent = harness.token();
  bob.join(spent);
  EXPECT_EQ(error_code(alice.authenticate(spent)), code(ErrorCode::token_used));

  const auto revoked = harness.token();
  EXPECT_TRUE(harness.admin("admin.token.revoke", {{"token", harness.last_token_id}}).contains("result"));
  EXPECT_EQ(error_code(alice.authenticate(revoked)), code(ErrorCode::token_invalid));

  const auto old = harness.token({{"uses", 1}, {"expires_s", 60}});
  harness.advance(60s);
  EXPECT_EQ(error_code(alice.authenticate(old)), code(ErrorCode::token_expired));
}

TEST_F(Authentication, the_key_that_spent_a_use_may_repeat_it) {
  const auto secret = harness.token();
  alice.join(secret);
  harness.admin("admin.node.remove", {{"name", "alice"}});
  EXPECT_EQ(error_code(alice.authenticate()), code(ErrorCode::refused));
  EXPECT_TRUE(alice.authenticate(secret).contains("result"));
}

TEST_F(Authentication, a_token_admits_as_many_nodes_as_it_has_uses) {
  const auto secret = harness.token({{"uses", 2}, {"expires_s", 60}});
  TestNode carol{harness, 3, "carol"};
  EXPECT_TRUE(alice.authenticate(secret).contains("result"));
  EXPECT_TRUE(bob.authenticate(secret).contains("result"));
  EXPECT_EQ(error_code(carol.authenticate(secret)), code(ErrorCode::token_used));
}

TEST_F(Authentication, a_name_belongs_to_one_node_whatever_its_case) {
  alice.join(harness.token());
  TestNode impostor{harness, 4, "ALICE"};
  const auto secret = harness.token();
  EXPECT_EQ(error_code(impostor.authenticate(secret)), code(ErrorCode::name_taken));
  impostor.rename("alina");
  EXPECT_TRUE(impostor.authenticate(secret).contains("result")) << "the refusal spent nothing";
}

TEST_F(Authentication, without_a_wish_a_name_is_derived_and_kept) {
  TestNode nameless{harness, 5, ""};
  const std::string name = nameless.authenticate(harness.token())["result"]["name"];
  EXPECT_EQ(name.substr(0, 5), "node-");
  harness.end(nameless.connection);
  EXPECT_EQ(nameless.authenticate()["result"]["name"], name);
}

TEST_F(Authentication, a_node_may_be_renamed_and_its_old_name_is_free) {
  alice.join(harness.token());
  harness.end(alice.connection);
  alice.rename("alicia");
  EXPECT_EQ(alice.authenticate()["result"]["name"], "alicia");
  bob.rename("alice");
  EXPECT_TRUE(bob.authenticate(harness.token()).contains("result"));
}

TEST_F(Authentication, a_second_connection_fences_the_first) {
  alice.join(harness.token());
  const ConnectionId first = alice.connection;
  EXPECT_TRUE(alice.authenticate().contains("result"));
  EXPECT_EQ(harness.closed.count(first), 1U);
  EXPECT_EQ(harness.call(first, "ping", Json::object()), Json()) << "the old connection is nobody's";
  EXPECT_TRUE(alice.register_node().contains("result"));
}

TEST_F(Authentication, twice_on_one_connection_is_an_error) {
  alice.join(harness.token());
  EXPECT_EQ(error_code(harness.call(alice.connection, "authenticate", alice.auth_params())),
            code(ErrorCode::invalid_request));
}

TEST_F(Authentication, failures_of_one_source_are_slowed_down) {
  int slowed = 0;
  for (int i = 0; i < 30; ++i) {
    TestNode guesser{harness, 100U + static_cast<unsigned>(i), "g"};
    guesser.source = "203.0.113.66";
    slowed += error_code(guesser.authenticate("guess")) == code(ErrorCode::try_later) ? 1 : 0;
  }
  EXPECT_EQ(slowed, 10);
  EXPECT_TRUE(alice.authenticate(harness.token()).contains("result")) << "other sources are not";
}

TEST_F(Authentication, a_revoked_node_stays_out_even_with_a_token) {
  alice.join(harness.token());
  EXPECT_TRUE(harness.admin("admin.node.revoke", {{"name", "alice"}}).contains("result"));
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
  EXPECT_EQ(error_code(alice.authenticate()), code(ErrorCode::refused));
  EXPECT_EQ(error_code(alice.authenticate(harness.token())), code(ErrorCode::refused));
  harness.restart();
  EXPECT_EQ(error_code(alice.authenticate()), code(ErrorCode::refused));
}

TEST_F(Authentication, is_answered_after_the_commit_and_pipelined_lines_wait) {
  const auto secret = harness.token();
  harness.hold_commits = true;
  alice.connection = harness.open();
  EXPECT_EQ(harness.call(alice.connection, "authenticate", alice.auth_params(secret)), Json());
  const auto auth = harness.last_request();
  EXPECT_EQ(alice.register_node(), Json());
  harness.answer_commits();
  EXPECT_TRUE(harness.take_reply(alice.connection, auth).contains("result"));
  EXPECT_TRUE(harness.take_reply(alice.connection, auth + 1).contains("result"));
}

TEST_F(Authentication, what_was_not_stored_is_not_acknowledged) {
  const auto secret = harness.token();
  harness.store.fail_commits(true);
  EXPECT_EQ(error_code(alice.authenticate(secret)), code(ErrorCode::try_later));
  EXPECT_EQ(error_code(alice.authenticate(secret)), code(ErrorCode::try_later)) << "nor later, from memory";
  harness.store.fail_commits(false);
  harness.advance(2s);
  harness.restart();
  EXPECT_TRUE(alice.authenticate().contains("result")) << "but it is stored when the store works again";
}

}  // namespace
}  // namespace causeway::server
