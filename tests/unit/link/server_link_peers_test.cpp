// Peers, offers, candidates, the directory, friends.
#include "tests/unit/link/scripted_server.hpp"

namespace causeway::link {
namespace {

TEST_F(ServerLink, TellsTheFriendListAtEachRegistrationAndChange) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"),
        protocol::AuthenticateResult{"n1", "ann", {"bob", "eve"}, {"reach-friends"}, 60, {"eve"}}.to_json());
  EXPECT_TRUE(take<FriendsTold>().empty());
  reply(expect_request("register"), registered_as("10.10.0.101"));
  auto told = take<FriendsTold>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].user, "ann");
  EXPECT_THAT(told[0].friends, testing::ElementsAre("bob", "eve"));
  EXPECT_THAT(told[0].pending, testing::ElementsAre("eve"));
  EXPECT_TRUE(told[0].friends_only);
  notify("friends.changed", protocol::FriendList{{"eve"}, {}}.to_json());
  told = take<FriendsTold>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].friends, testing::ElementsAre("eve"));
  EXPECT_TRUE(told[0].friends_only);
  for (const Json& bad : {Json{{"friends", 5}}, Json{{"friends", {""}}}, Json{{"friends", {1}}},
                          Json{{"pending", std::vector<std::string>(401, "a")}}}) {
    notify("friends.changed", bad);
    EXPECT_TRUE(take<FriendsTold>().empty());
  }
  EXPECT_EQ(fsm->counters().lines_malformed, 4u);
}

TEST_F(ServerLink, AnswersEachChangeOfAFriend) {
  start_online();
  fsm->change_friend(7, "bob", true, now);
  const Json request = expect_request("friends.add");
  EXPECT_EQ(request["params"], Json::parse(R"({"user": "bob"})"));
  reply(request, protocol::FriendList{{"Bob"}, {"Bob"}, "Bob"}.to_json());
  EXPECT_EQ(take<FriendsTold>().size(), 1u);
  auto answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].ticket, 7u);
  EXPECT_EQ(answers[0].user, "Bob");
  EXPECT_EQ(answers[0].error, "");

  fsm->change_friend(8, "nobody", false, now);
  fail(expect_request("friends.remove"), protocol::ErrorCode::no_such_user);
  answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].no_such_user);
  EXPECT_THAT(answers[0].error, HasSubstr("causeway peers"));

  fsm->change_friend(9, "bob", true, now);
  reply(expect_request("friends.add"), Json{{"friends", "bob"}});
  answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_NE(answers[0].error, "") << "what cannot be read is no success";
}

TEST_F(ServerLink, AChangeOfAFriendEndsWithTheConnection) {
  fsm->change_friend(1, "bob", true, now);
  auto answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_THAT(answers[0].error, HasSubstr("try again"));
  start_online();
  fsm->change_friend(2, "bob", true, now);
  EXPECT_TRUE(take<FriendChangeAnswered>().empty());
  fsm->on_closed("reset by peer", now);
  answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].ticket, 2u);
  EXPECT_NE(answers[0].error, "");
}

TEST_F(ServerLink, WishesFromBeforeRegistrationAreSentAfterIt) {
  fsm->connect(ip("10.10.0.102"), "abcdefgh", {}, now);
  EXPECT_TRUE(next_request().is_null());
  fsm->start(now);
  come_online();
  expect_request("update");
  const Json request = expect_request("connect");
  EXPECT_EQ(request["params"]["ufrag"], "abcdefgh");
  reply(request, protocol::ConnectResult{other.info(), "ijklmnop"}.to_json());
  const auto offered = take<PeerOffered>();
  ASSERT_EQ(offered.size(), 1u);
  EXPECT_EQ(offered[0].ufrag, "ijklmnop");
  EXPECT_EQ(offered[0].node.candidates.size(), 1u);
}

TEST_F(ServerLink, ANewerConnectWaitsForTheReplyOfTheOlder) {
  start_online();
  fsm->connect(ip("10.10.0.102"), "aaaaaaaa", {}, now);
  fsm->connect(ip("10.10.0.102"), "bbbbbbbb", {}, now);
  fsm->connect(ip("10.10.0.102"), "cccccccc", {}, now);
  const Json first = expect_request("connect");
  EXPECT_TRUE(next_request().is_null());
  reply(first, protocol::ConnectResult{other.info(), std::nullopt}.to_json());
  EXPECT_EQ(expect_request("connect")["params"]["ufrag"], "cccccccc");
}

TEST_F(ServerLink, ConnectErrorsAreToldPerPeer) {
  start_online();
  fsm->connect(ip("10.10.0.150"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::no_such_address);
  auto unreachable = take<PeerUnreachable>();
  ASSERT_EQ(unreachable.size(), 1u);
  EXPECT_EQ(unreachable[0].virtual_address, ip("10.10.0.150"));
  EXPECT_THAT(unreachable[0].reason, HasSubstr("no node"));
  EXPECT_TRUE(unreachable[0].is_nobody);
  fsm->connect(ip("10.10.0.102"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::unreachable);
  unreachable = take<PeerUnreachable>();
  ASSERT_EQ(unreachable.size(), 1u);
  EXPECT_FALSE(unreachable[0].is_nobody) << "it is offline, and may come back";
  fsm->connect(ip("10.10.0.103"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::try_later, 3000);
  EXPECT_TRUE(take<PeerUnreachable>().empty());
  EXPECT_EQ(run_to_timeout(), 3s);
  EXPECT_EQ(expect_request("connect")["params"]["virtual_address"], "10.10.0.103");
}

TEST_F(ServerLink, ManyWishesDoNotGoOutAllAtOnce) {
  for (int i = 1; i < 200; ++i)
    fsm->connect(net::IpAddress::v4(0x0a0a0000u + static_cast<unsigned>(i)), "aaaaaaaa", {}, now);
  fsm->start(now);
  come_online();
  int answered = 0, waiting = 0;
  std::deque<Json> open;
  for (Json request = next_request(); !request.is_null(); request = next_request()) {
    if (request["method"] == "connect") open.push_back(request);
  }
  EXPECT_LE(open.size(), 32u);
  while (!open.empty()) {
    fail(open.front(), protocol::ErrorCode::no_such_address);
    open.pop_front();
    ++answered;
    for (Json request = next_request(); !request.is_null(); request = next_request())
      open.push_back(request);
    waiting = std::max(waiting, static_cast<int>(open.size()));
  }
  EXPECT_EQ(answered, 199);
  EXPECT_LE(waiting, 32);
}

TEST_F(ServerLink, NewCandidatesAreSentOneUpdateAtATime) {
  start_online();
  ice::Candidate candidate;
  candidate.foundation = "1";
  candidate.priority = 10;
  candidate.address = *net::Endpoint::parse("192.0.2.1:4000");
  fsm->set_candidates({candidate}, now);
  const Json first = expect_request("update");
  EXPECT_EQ(first["params"]["candidates"].size(), 1u);
  EXPECT_FALSE(first["params"].contains("record"));
  candidate.address.port = 4001;
  fsm->set_candidates({candidate}, now);
  candidate.address.port = 4002;
  fsm->set_candidates({candidate}, now);
  EXPECT_TRUE(next_request().is_null());
  reply(first, Json::object());
  EXPECT_EQ(expect_request("update")["params"]["candidates"][0]["address"], "192.0.2.1:4002");
  fsm->set_candidates({candidate}, now);
  EXPECT_TRUE(next_request().is_null()) << "nothing is new";
}

TEST_F(ServerLink, TheDirectoryIsReadPageByPage) {
  fsm->start(now);
  come_online();
  expect_request("update");
  Json query = expect_request("query");
  EXPECT_EQ(query["params"]["addresses"], "*");
  protocol::QueryResult page;
  page.nodes = {other.info()};
  page.next = ip("10.10.0.102");
  reply(query, page.to_json());
  EXPECT_EQ(take<PeerDescribed>().size(), 1u);
  query = expect_request("query");
  EXPECT_EQ(query["params"]["after"], "10.10.0.102");
  page.nodes.clear();
  reply(query, page.to_json());
  EXPECT_TRUE(next_request().is_null()) << "an empty page that promises more is the last";
  EXPECT_TRUE(take<DirectoryListed>().empty()) << "and no complete list";
}

TEST_F(ServerLink, AWholeDirectoryIsToldAsSuch) {
  fsm->start(now);
  come_online();
  expect_request("update");
  protocol::QueryResult page;
  page.nodes = {other.info()};
  page.next = ip("10.10.0.102");
  reply(expect_request("query"), page.to_json());
  // Described while the walk is past its address: that is no reason to miss it.
  OtherNode late(random);
  late.record.name = "n0";
  late.record.virtual_addresses = {ip("10.10.0.50")};
  notify("peer.changed", protocol::PeerChanged{late.info()}.to_json());
  OtherNode lied_about(random);
  lied_about.record.name = "n9";
  lied_about.record.virtual_addresses = {ip("10.10.0.109")};
  page.nodes = {lied_about.info()};
  page.nodes[0].record.signature[0] ^= 1;
  page.next.reset();
  EXPECT_TRUE(take<DirectoryListed>().empty());
  reply(expect_request("query"), page.to_json());
  const auto listed = take<DirectoryListed>();
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_THAT(listed[0].addresses,
              testing::UnorderedElementsAre(ip("10.10.0.102"), ip("10.10.0.50"), ip("10.10.0.109")))
      << "a description that is not believed is still one of somebody";
}

TEST_F(ServerLink, PeersThatGoAreTold) {
  start_online();
  using protocol::PeerStatus;
  for (const auto& [status, for_good] :
       {std::pair{PeerStatus::offline, false}, std::pair{PeerStatus::gone, true},
        std::pair{PeerStatus::revoked, true}}) {
    notify("peer.changed",
           protocol::PeerChanged{protocol::PeerStatusChange{ip("10.10.0.102"), status}}.to_json());
    const auto gone = take<PeerGone>();
    ASSERT_EQ(gone.size(), 1u);
    EXPECT_EQ(gone[0].for_good, for_good);
  }
}

}  // namespace
}  // namespace causeway::link
