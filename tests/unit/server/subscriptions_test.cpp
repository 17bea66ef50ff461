// Who hears of whose changes without a connection (spec M9/M10).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_harness.hpp"

namespace causeway::server {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class Subscriptions : public testing::Test {
 protected:
  void SetUp() override {
    alice.join(harness.token());
    bob.join(harness.token());
    forget();
  }
  void forget() {
    for (auto& [id, lines] : harness.inbox)
      lines.clear();
  }
  Json subscribe(TestNode& who, const std::vector<std::string>& addresses) {
    return harness.call(who.connection, "subscribe", {{"addresses", addresses}});
  }
  std::string state(TestNode& who, const std::string& address) {
    return subscribe(who, {address})["result"]["subscriptions"][0]["state"];
  }
  Json unsubscribe(TestNode& who, const std::string& address) {
    return harness.call(who.connection, "unsubscribe", {{"addresses", {address}}});
  }
  Json answer(TestNode& who, const std::vector<std::string>& accepted,
              const std::vector<std::string>& refused = {}) {
    return harness.call(who.connection, "subscription.answer",
                        {{"accepted", accepted}, {"refused", refused}});
  }
  /// Alice subscribes to Bob, who accepts.
  void stand() {
    ASSERT_EQ(state(alice, bob.address), "pending");
    ASSERT_TRUE(answer(bob, {alice.address}).contains("result"));
    forget();
  }
  Json move(TestNode& who, std::uint16_t port) {
    return harness.call(who.connection, "update",
                        protocol::UpdateParams{{{TestNode::candidate(port)}}, {}}.to_json());
  }
  std::uint64_t standing() { return harness.admin("admin.stats")["result"]["subscriptions"]; }
  void register_again(TestNode& who, bool keep) {
    harness.end(who.connection);
    who.authenticate();
    Json params = who.register_params();
    if (keep) params["keep_subscribers"] = true;
    harness.call(who.connection, "register", params);
  }

  CoreHarness harness;
  TestNode alice{harness, 1, "alice"}, bob{harness, 2, "bob"}, carol{harness, 3, "carol"};
};

TEST_F(Subscriptions, the_other_side_is_asked_and_then_each_change_is_told_at_once) {
  EXPECT_EQ(subscribe(alice, {bob.address})["result"],
            (Json{{"subscriptions", {{{"virtual_address", bob.address}, {"state", "pending"}}}}}));
  const auto asked = bob.take("subscription.request");
  ASSERT_THAT(asked, SizeIs(1));
  const auto request = protocol::SubscriptionRequest::parse(asked[0]);
  ASSERT_TRUE(request);
  ASSERT_THAT(request->nodes, SizeIs(1));
  EXPECT_EQ(request->nodes[0].name, "alice");
  EXPECT_THAT(request->nodes[0].candidates, IsEmpty()) << "her addresses are no part of the question";
  EXPECT_TRUE(protocol::verify(request->nodes[0].record, "home", harness.now.wall));

  move(bob, 4100);
  EXPECT_THAT(harness.inbox[alice.connection], IsEmpty()) << "nothing before he has answered";

  EXPECT_EQ(answer(bob, {alice.address})["result"], Json::object());
  const auto told = alice.take("subscription.changed");
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0]["state"], "accepted");
  EXPECT_EQ(told[0]["node"]["candidates"][0]["address"], "192.0.2.10:4100") << "where he is by now";
  EXPECT_EQ(state(alice, bob.address), "accepted");

  move(bob, 4200);
  auto changes = alice.take("peer.changed");
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0]["node"]["candidates"][0]["address"], "192.0.2.10:4200");
  bob.update(7);
  EXPECT_THAT(alice.take("peer.changed"), SizeIs(1)) << "his record";
  harness.end(bob.connection);
  changes = alice.take("peer.changed");
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(changes[0]["state"], "offline");
}

TEST_F(Subscriptions, a_refusal_is_told_and_asking_again_does_not_bother_anybody) {
  state(alice, bob.address);
  bob.take("subscription.request");
  answer(bob, {}, {alice.address});
  const auto told = alice.take("subscription.changed");
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0], (Json{{"virtual_address", bob.address}, {"state", "refused"}}));
  EXPECT_EQ(state(alice, bob.address), "refused");
  EXPECT_THAT(bob.take("subscription.request"), IsEmpty());
  move(bob, 4100);
  harness.end(bob.connection);
  EXPECT_THAT(harness.inbox[alice.connection], IsEmpty());
}

TEST_F(Subscriptions, who_is_left_out_of_the_answer_is_refused) {
  state(alice, bob.address);
  answer(bob, {});
  EXPECT_EQ(alice.take("subscription.changed").at(0)["state"], "refused");
}

TEST_F(Subscriptions, consent_can_be_taken_back_at_any_time) {
  stand();
  answer(bob, {}, {alice.address});
  EXPECT_EQ(alice.take("subscription.changed").at(0)["state"], "refused");
  move(bob, 4100);
  EXPECT_THAT(alice.take("peer.changed"), IsEmpty());
}

TEST_F(Subscriptions, end_by_unsubscribing) {
  stand();
  EXPECT_EQ(unsubscribe(alice, bob.address)["result"], Json::object());
  move(bob, 4100);
  harness.end(bob.connection);
  EXPECT_THAT(harness.inbox[alice.connection], IsEmpty());
  EXPECT_EQ(standing(), 0U);
  EXPECT_EQ(unsubscribe(alice, bob.address)["result"], Json::object()) << "twice is no error";
}

TEST_F(Subscriptions, a_loop_of_both_leaves_nothing_behind_and_no_pile_of_questions) {
  for (int i = 0; i < 200; ++i) {
    state(alice, bob.address);
    unsubscribe(alice, bob.address);
    harness.advance(120ms);
  }
  EXPECT_EQ(standing(), 0U);
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1)) << "he sets the pace: one question at a time";
  // The answer that comes at last is for a subscription that is no more.
  answer(bob, {alice.address});
  EXPECT_THAT(alice.take("subscription.changed"), IsEmpty());
  EXPECT_EQ(state(alice, bob.address), "pending");
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
}

TEST_F(Subscriptions, end_with_the_session_of_the_asker_and_not_with_that_of_the_other) {
  stand();
  register_again(bob, true);
  auto told = alice.take("peer.changed");
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[0]["state"], "offline");
  EXPECT_EQ(told[1]["node"]["state"], "online");
  EXPECT_THAT(bob.take("subscription.request"), IsEmpty()) << "he has answered already";
  harness.end(alice.connection);
  EXPECT_EQ(standing(), 0U);
  move(bob, 4300);
  alice.authenticate();
  alice.register_node();
  EXPECT_EQ(state(alice, bob.address), "pending") << "restored by asking again";
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
}

TEST_F(Subscriptions, a_node_that_started_anew_is_asked_anew) {
  stand();
  register_again(bob, false);
  EXPECT_THAT(alice.take("peer.changed"), SizeIs(1)) << "that he went; not where he came back";
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
  EXPECT_EQ(state(alice, bob.address), "pending");
  answer(bob, {alice.address});
  EXPECT_TRUE(alice.take("subscription.changed").at(0).contains("node"));
}

TEST_F(Subscriptions, all_are_asked_about_anew_when_the_policy_changes) {
  stand();
  harness.call(bob.connection, "update", {{"keep_subscribers", false}});
  move(bob, 4100);
  EXPECT_THAT(alice.take("peer.changed"), IsEmpty());
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
  answer(bob, {alice.address});
  EXPECT_EQ(alice.take("subscription.changed").at(0)["node"]["candidates"][0]["address"], "192.0.2.10:4100");
}

TEST_F(Subscriptions, one_who_is_away_is_asked_when_he_comes) {
  harness.end(bob.connection);
  EXPECT_EQ(state(alice, bob.address), "pending");
  bob.authenticate();
  bob.register_node();
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
}

TEST_F(Subscriptions, a_question_that_died_with_its_connection_is_asked_again) {
  state(alice, bob.address);
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
  register_again(bob, true);
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
}

TEST_F(Subscriptions, of_a_node_without_a_record_wait_for_it) {
  carol.authenticate(harness.token());
  carol.address = carol.register_node()["result"]["virtual_address"];
  EXPECT_EQ(state(carol, bob.address), "pending");
  EXPECT_THAT(bob.take("subscription.request"), IsEmpty()) << "he could not tell who asks";
  carol.update(1);
  EXPECT_THAT(bob.take("subscription.request"), SizeIs(1));
}

TEST_F(Subscriptions, a_change_is_told_once_to_one_who_is_connected_too) {
  stand();
  alice.connect_to(bob.address);
  forget();
  move(bob, 4100);
  EXPECT_THAT(alice.take("peer.changed"), SizeIs(1));
  harness.end(bob.connection);
  EXPECT_THAT(alice.take("peer.changed"), SizeIs(1));
}

TEST_F(Subscriptions, end_when_the_other_leaves_is_removed_or_revoked) {
  stand();
  harness.call(bob.connection, "deregister", Json::object());
  EXPECT_EQ(alice.take("peer.changed").at(0)["state"], "gone");
  EXPECT_EQ(standing(), 0U);
  for (const char* how : {"remove", "revoke"}) {
    TestNode dora{harness, 40U + static_cast<unsigned>(how[2]), std::string("dora-") + how};
    dora.join(harness.token());
    state(alice, dora.address);
    answer(dora, {alice.address});
    forget();
    harness.admin(std::string("admin.node.") + how, {{"name", std::string("dora-") + how}});
    EXPECT_THAT(alice.take("peer.changed"), SizeIs(1));
    EXPECT_EQ(standing(), 0U);
  }
}

TEST_F(Subscriptions, one_who_waits_hears_that_there_is_nothing_to_wait_for) {
  harness.end(bob.connection);
  EXPECT_EQ(state(alice, bob.address), "pending");
  harness.admin("admin.node.remove", {{"name", "bob"}});
  EXPECT_EQ(alice.take("peer.changed").at(0)["state"], "gone");
  EXPECT_EQ(state(alice, bob.address), "no_such_address");
}

TEST_F(Subscriptions, consent_is_not_inherited_with_an_address) {
  CoreHarness small("10.10.0.101-10.10.0.102");
  TestNode a{small, 1, "a"}, b{small, 2, "b"}, c{small, 3, "c"};
  a.join(small.token());
  b.join(small.token());
  small.call(a.connection, "subscribe", {{"addresses", {b.address}}});
  // Between question and answer the asker leaves, and another gets its address.
  small.call(a.connection, "deregister", Json::object());
  ASSERT_EQ(c.join(small.token()), a.address);
  small.call(c.connection, "subscribe", {{"addresses", {b.address}}});
  small.call(b.connection, "subscription.answer", {{"accepted", {c.address}}, {"refused", Json::array()}});
  EXPECT_THAT(c.take("subscription.changed"), IsEmpty()) << "it was a's question that was answered";
  EXPECT_EQ(b.take("subscription.request").size(), 2U) << "c's comes next";
}

TEST_F(Subscriptions, unasked_acceptance_means_nothing) {
  answer(bob, {alice.address});
  EXPECT_EQ(state(alice, bob.address), "pending");
  EXPECT_EQ(standing(), 1U);
  answer(bob, {}, {alice.address});
  answer(bob, {alice.address});
  EXPECT_EQ(state(alice, bob.address), "refused");
}

TEST_F(Subscriptions, strangers_and_nobody_look_alike) {
  TestNode stranger{harness, 9, "stranger"};
  stranger.network = "office";
  stranger.join(harness.token({{"uses", 1}, {"expires_s", 60}}, "office"));
  const Json reply = subscribe(stranger, {bob.address, "10.10.0.200", stranger.address});
  for (const Json& entry : reply["result"]["subscriptions"])
    EXPECT_EQ(entry["state"], "no_such_address");
  answer(stranger, {bob.address}, {alice.address});
  EXPECT_THAT(harness.inbox[bob.connection], IsEmpty());
  EXPECT_EQ(standing(), 0U);
}

TEST_F(Subscriptions, are_limited) {
  CoreHarness large("10.10.0.0/16", 20'000);
  TestNode greedy{large, 1, "greedy"};
  greedy.join(large.token());
  const auto secret = large.token({{"uses", 5000}, {"expires_s", 600}});
  std::vector<std::string> addresses;
  for (unsigned i = 0; i <= ServerCore::kMaxSubscriptions; ++i) {
    TestNode node{large, 10'000 + i, ""};
    node.source = source_of(i);
    node.authenticate(secret);
    addresses.push_back(node.register_node()["result"]["virtual_address"]);
    large.inbox.clear();
  }
  std::size_t done = 0;
  for (; done < ServerCore::kMaxSubscriptions; done += 256) {
    const std::vector<std::string> some(addresses.begin() + static_cast<long>(done),
                                        addresses.begin() + static_cast<long>(done + 256));
    ASSERT_TRUE(large.call(greedy.connection, "subscribe", {{"addresses", some}}).contains("result"));
    large.advance(1s);
  }
  EXPECT_EQ(error_code(large.call(greedy.connection, "subscribe", {{"addresses", {addresses.back()}}})),
            code(ErrorCode::try_later));
  EXPECT_TRUE(
      large.call(greedy.connection, "subscribe", {{"addresses", {addresses.front()}}}).contains("result"));
  const std::vector<std::string> too_many(257, addresses.front());
  for (const char* method : {"subscribe", "unsubscribe"}) {
    EXPECT_EQ(error_code(large.call(greedy.connection, method, {{"addresses", too_many}})),
              code(ErrorCode::invalid_params));
    EXPECT_EQ(error_code(large.call(greedy.connection, method, {{"addresses", Json::array()}})),
              code(ErrorCode::invalid_params));
    EXPECT_EQ(error_code(large.call(greedy.connection, method, {{"addresses", "*"}})),
              code(ErrorCode::invalid_params));
  }
}

TEST_F(Subscriptions, a_popular_node_is_asked_in_lines_that_it_can_read) {
  CoreHarness large("10.10.0.0/16", 20'000);
  TestNode star{large, 1, "star"};
  star.join(large.token());
  const auto secret = large.token({{"uses", 5000}, {"expires_s", 600}});
  std::vector<TestNode> fans;
  for (unsigned i = 0; i < 100; ++i) {
    fans.emplace_back(large, 10'000 + i, std::string("fan").append(std::to_string(i)));
    fans.back().source = source_of(i);
    fans.back().join(secret);
    large.call(fans.back().connection, "subscribe", {{"addresses", {star.address}}});
  }
  std::size_t accepted = 0;
  for (int round = 0; round < 20 && accepted < fans.size(); ++round) {
    const auto asked = star.take("subscription.request");
    ASSERT_THAT(asked, SizeIs(1));
    EXPECT_LE(protocol::to_line(asked[0]).size(), 60U * 1024);
    Json addresses = Json::array();
    for (const Json& node : asked[0]["nodes"])
      addresses.push_back(node["virtual_address"]);
    EXPECT_LE(addresses.size(), ServerCore::kMostAskedAtOnce);
    accepted += addresses.size();
    large.call(star.connection, "subscription.answer", {{"accepted", addresses}, {"refused", Json::array()}});
  }
  EXPECT_EQ(accepted, fans.size());
  EXPECT_THAT(star.take("subscription.request"), IsEmpty());
}

// ---- friends-only networks ----

class FriendsOnly : public Subscriptions {
 protected:
  void SetUp() override {
    harness.store.commit({NetworkRow{"home", "10.10.0.0/24", true}}, [](auto) {});
    harness.restart();
    for (auto [node, user] : {std::pair{&alice, "Ann"}, {&bob, "Bob"}, {&carol, "Carol"}})
      ASSERT_NE(node->join(harness.token({{"uses", 1}, {"expires_s", 3600}, {"user", user}})), "");
    befriend("friends.add");
    forget();
  }
  void befriend(const char* method) {
    harness.call(alice.connection, method, {{"user", "Bob"}});
    harness.call(bob.connection, method, {{"user", "Ann"}});
  }
};

TEST_F(FriendsOnly, only_friends_can_be_subscribed_to) {
  EXPECT_EQ(state(carol, bob.address), "no_such_address");
  EXPECT_EQ(state(alice, bob.address), "pending");
  EXPECT_EQ(standing(), 1U);
}

TEST_F(FriendsOnly, the_end_of_a_friendship_ends_them) {
  stand();
  befriend("friends.remove");
  EXPECT_EQ(alice.take("peer.changed").at(0)["state"], "gone");
  EXPECT_EQ(standing(), 0U);
  forget();
  move(bob, 4100);
  EXPECT_THAT(harness.inbox[alice.connection], IsEmpty());
}

TEST_F(FriendsOnly, a_friendship_that_ends_before_the_answer_makes_the_answer_void) {
  state(alice, bob.address);
  befriend("friends.remove");
  forget();
  answer(bob, {alice.address});
  move(bob, 4100);
  EXPECT_THAT(alice.take("subscription.changed"), IsEmpty());
  EXPECT_THAT(alice.take("peer.changed"), IsEmpty());
}

}  // namespace
}  // namespace causeway::server
