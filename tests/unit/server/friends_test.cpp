// Friend lists, and who may reach whom (spec S6, U3.4, V5).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/core_harness.hpp"

namespace causeway::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Friends : testing::Test {
  /// Nodes ann1 and ann2 of Ann, bob1 of Bob, eve1 of Eve.
  void raise(bool friends_only) {
    harness.store.commit({NetworkRow{"home", "10.10.0.0/24", friends_only}}, [](auto) {});
    harness.restart();
    for (auto [node, user] : {std::pair{&ann1, "Ann"}, {&ann2, "Ann"}, {&bob1, "Bob"}, {&eve1, "Eve"}})
      ASSERT_NE(node->join(harness.token({{"uses", 1}, {"expires_s", 3600}, {"user", user}})), "");
    forget();
  }
  void forget() {
    for (auto& [id, lines] : harness.inbox)
      lines.clear();
  }
  Json friends(TestNode& node, const char* method, const std::string& user = "") {
    return harness.call(node.connection, method, user.empty() ? Json::object() : Json{{"user", user}});
  }
  void befriend() {
    ASSERT_TRUE(friends(ann1, "friends.add", "bob").contains("result"));
    ASSERT_TRUE(friends(bob1, "friends.add", "ann").contains("result"));
    forget();
  }
  std::vector<std::string> seen_by(TestNode& node) {
    const Json reply = harness.call(node.connection, "query", {{"addresses", "*"}});
    std::vector<std::string> names;
    for (const auto& other : reply["result"]["nodes"])
      names.push_back(other["name"]);
    return names;
  }

  CoreHarness harness;
  TestNode ann1{harness, 1, "ann1"}, ann2{harness, 2, "ann2"}, bob1{harness, 3, "bob1"},
      eve1{harness, 4, "eve1"};
};

TEST_F(Friends, AreListedWithTheUsersOwnSpelling) {
  raise(false);
  EXPECT_EQ(friends(ann1, "friends.list")["result"], Json::parse(R"({"friends": [], "pending": []})"));
  EXPECT_EQ(friends(ann1, "friends.add", "bOB")["result"],
            Json::parse(R"({"friends": ["Bob"], "pending": ["Bob"], "user": "Bob"})"));
  EXPECT_EQ(friends(ann2, "friends.list")["result"]["friends"], Json::parse(R"(["Bob"])"))
      << "one list per user";
  EXPECT_EQ(friends(bob1, "friends.list")["result"]["friends"], Json::array()) << "the list is directed";
  EXPECT_EQ(friends(bob1, "friends.add", "ann")["result"]["pending"], Json::array());
  EXPECT_EQ(friends(ann1, "friends.list")["result"]["pending"], Json::array()) << "Bob lists Ann, too";
}

TEST_F(Friends, ANodeStandsForItsUser) {
  raise(false);
  EXPECT_EQ(friends(ann1, "friends.add", "bob1")["result"]["user"], "Bob");
  EXPECT_EQ(friends(ann1, "friends.remove", "BOB1")["result"]["friends"], Json::array());
}

TEST_F(Friends, NobodyIsAnErrorOfItsOwn) {
  raise(false);
  EXPECT_EQ(error_code(friends(ann1, "friends.add", "carol")), code(ErrorCode::no_such_user));
  EXPECT_EQ(error_code(friends(ann1, "friends.remove", "carol")), code(ErrorCode::no_such_user));
  for (const Json& bad : {Json::object(), Json{{"user", 5}}, Json{{"user", ""}}, Json{{"user", "a b"}}}) {
    EXPECT_EQ(error_code(harness.call(ann1.connection, "friends.add", bad)), code(ErrorCode::invalid_params));
  }
  EXPECT_EQ(error_code(harness.call(harness.open(), "friends.list", Json::object())),
            code(ErrorCode::unauthenticated));
}

TEST_F(Friends, AuthenticateTellsListAndPermission) {
  raise(true);
  befriend();
  ASSERT_TRUE(friends(ann1, "friends.add", "eve").contains("result"));
  const Json reply = ann1.authenticate();
  EXPECT_EQ(reply["result"]["friends"], Json::parse(R"(["Bob", "Eve"])"));
  EXPECT_EQ(reply["result"]["pending"], Json::parse(R"(["Eve"])"));
  EXPECT_EQ(reply["result"]["permissions"], Json::parse(R"(["reach-friends"])"));
}

TEST_F(Friends, BothUsersHearOfAChangeOnce) {
  raise(false);
  friends(ann1, "friends.add", "bob");
  for (TestNode* node : {&ann1, &ann2}) {
    EXPECT_THAT(node->take("friends.changed"),
                ElementsAre(Json::parse(R"({"friends": ["Bob"], "pending": ["Bob"]})")));
  }
  EXPECT_THAT(bob1.take("friends.changed"), ElementsAre(Json::parse(R"({"friends": [], "pending": []})")));
  EXPECT_THAT(eve1.take("friends.changed"), IsEmpty());
  friends(ann1, "friends.add", "bob");
  EXPECT_THAT(ann2.take("friends.changed"), IsEmpty()) << "no news";
}

TEST_F(Friends, SurviveARestartOfTheServer) {
  raise(false);
  befriend();
  friends(ann1, "friends.add", "eve");
  friends(ann1, "friends.remove", "bob");
  harness.restart();
  const Json reply = ann1.authenticate();
  EXPECT_EQ(reply["result"]["friends"], Json::parse(R"(["Eve"])"));
  EXPECT_EQ(bob1.authenticate()["result"]["friends"], Json::parse(R"(["Ann"])"));
}

TEST_F(Friends, AreWrittenAgainWhenTheStoreFailed) {
  raise(false);
  harness.store.fail_commits(true);
  EXPECT_EQ(error_code(friends(ann1, "friends.add", "bob")), code(ErrorCode::try_later));
  harness.store.fail_commits(false);
  harness.advance(5s);
  harness.restart();
  EXPECT_EQ(ann1.authenticate()["result"]["friends"], Json::parse(R"(["Bob"])"));
}

TEST_F(Friends, AListIsBounded) {
  raise(false);
  std::vector<Change> many;
  for (std::size_t i = 0; i < protocol::kMaxFriends; ++i) {
    const std::string name = std::string("user-").append(std::to_string(i)).append(56 - 5, 'x').substr(0, 56);
    many.push_back(UserRow{"home", name + std::to_string(1000 + i)});
    many.push_back(FriendRow{"home", "Ann", name + std::to_string(1000 + i)});
  }
  harness.store.commit(many, [](auto) {});
  harness.restart();
  const Json reply = ann1.authenticate();
  ASSERT_TRUE(reply.contains("result"));
  EXPECT_EQ(reply["result"]["friends"].size(), protocol::kMaxFriends);
  EXPECT_LT(reply.dump().size(), 64U * 1024) << "a full list fits a line";
  EXPECT_TRUE(protocol::parse_json(reply.dump())) << "and the reader's limits";
  ann1.register_node();
  EXPECT_EQ(error_code(friends(ann1, "friends.add", "bob")), code(ErrorCode::invalid_params));
  const std::string one = reply["result"]["friends"][0];
  EXPECT_TRUE(friends(ann1, "friends.remove", one).contains("result"));
  EXPECT_TRUE(friends(ann1, "friends.add", "bob").contains("result"));
}

// ---- who may reach whom ----

TEST_F(Friends, InAnOrdinaryNetworkEverybodyReachesEverybody) {
  raise(false);
  EXPECT_THAT(seen_by(eve1), ElementsAre("ann1", "ann2", "bob1"));
  EXPECT_TRUE(eve1.connect_to(ann1.address).contains("result"));
  befriend();
  friends(ann1, "friends.remove", "bob");
  EXPECT_THAT(bob1.take("peer.changed"), IsEmpty());
}

TEST_F(Friends, StrangersInAFriendsOnlyNetworkSeeNothing) {
  raise(true);
  EXPECT_THAT(seen_by(ann1), ElementsAre("ann2")) << "nodes of one user need no list";
  EXPECT_THAT(seen_by(eve1), IsEmpty());
  const Json stranger = eve1.connect_to(ann1.address);
  const Json nobody = eve1.connect_to("10.10.0.77");
  EXPECT_EQ(error_code(stranger), code(ErrorCode::no_such_address));
  EXPECT_EQ(error_code(nobody), code(ErrorCode::no_such_address)) << "no telling which is which";
  EXPECT_THAT(ann1.take("connect.offer"), IsEmpty());
  const Json asked = harness.call(eve1.connection, "query", {{"addresses", {ann1.address}}});
  EXPECT_EQ(asked["result"]["nodes"], Json::array());
  EXPECT_EQ(asked["result"]["unreachable"], Json::parse("[\"" + ann1.address + "\"]"));
}

TEST_F(Friends, OneSidedFriendshipOpensNothing) {
  raise(true);
  friends(eve1, "friends.add", "ann");
  EXPECT_THAT(seen_by(eve1), IsEmpty());
  EXPECT_THAT(seen_by(ann1), ElementsAre("ann2"));
  EXPECT_EQ(error_code(eve1.connect_to(ann1.address)), code(ErrorCode::no_such_address));
  EXPECT_EQ(error_code(ann1.connect_to(eve1.address)), code(ErrorCode::no_such_address));
}

TEST_F(Friends, MutualFriendsReachEachOther) {
  raise(true);
  befriend();
  EXPECT_THAT(seen_by(ann1), ElementsAre("ann2", "bob1"));
  EXPECT_THAT(seen_by(bob1), ElementsAre("ann1", "ann2"));
  EXPECT_TRUE(ann1.connect_to(bob1.address).contains("result"));
  ASSERT_EQ(bob1.take("connect.offer").size(), 1U);
}

TEST_F(Friends, ARemovedFriendIsGoneAtOnceToBothSides) {
  raise(true);
  befriend();
  ASSERT_TRUE(ann1.connect_to(bob1.address).contains("result"));
  ASSERT_TRUE(bob1.connect_to(ann1.address).contains("result"));
  forget();
  friends(ann1, "friends.remove", "bob");
  const auto gone = [](const std::string& address) {
    return Json{{"virtual_address", address}, {"state", "gone"}};
  };
  EXPECT_THAT(ann1.take("peer.changed"), ElementsAre(gone(bob1.address)));
  EXPECT_THAT(ann2.take("peer.changed"), ElementsAre(gone(bob1.address)));
  EXPECT_THAT(bob1.take("peer.changed"),
              testing::UnorderedElementsAre(gone(ann1.address), gone(ann2.address)));
  EXPECT_THAT(eve1.take("peer.changed"), IsEmpty());
  // Nothing of the old acquaintance is left to leak: neither changes nor offers.
  bob1.update(++bob1.serial);
  EXPECT_THAT(ann1.take("peer.changed"), IsEmpty());
  friends(ann1, "friends.add", "bob");
  forget();
  const Json again = ann1.connect_to(bob1.address);
  EXPECT_FALSE(again["result"].contains("ufrag")) << "the offer of before does not count";
}

TEST_F(Friends, RevokingTellsOnlyThoseWhoMayKnow) {
  raise(true);
  befriend();
  harness.admin("admin.node.revoke", {{"name", "bob1"}});
  EXPECT_EQ(ann1.take("peer.changed").size(), 1U);
  EXPECT_THAT(eve1.take("peer.changed"), IsEmpty());
}

TEST_F(Friends, TheAdministratorSeesTheKindOfNetwork) {
  raise(true);
  const Json reply = harness.admin("admin.networks");
  for (const Json& network : reply["result"])
    EXPECT_EQ(network["friends_only"], network["name"] == "home");
}

}  // namespace
}  // namespace causeway::server
