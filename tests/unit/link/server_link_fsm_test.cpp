// From connecting to online and back: refusals, outages, leaving.
#include "tests/unit/link/scripted_server.hpp"

namespace causeway::link {
namespace {

TEST_F(ServerLink, ProvesItsIdentityAndSpendsTheToken) {
  fsm->start(now);
  const auto opened = take<OpenConnection>();
  ASSERT_EQ(opened.size(), 1u);
  EXPECT_EQ(opened[0].host, "198.51.100.1");
  fsm->on_connected(exporter, now);
  const Json request = expect_request("authenticate");
  const auto params = protocol::AuthenticateParams::parse(request["params"]);
  ASSERT_TRUE(params);
  EXPECT_TRUE(crypto::verify(keys.public_key, protocol::authentication_payload(kNetwork, exporter),
                             params->signature));
  EXPECT_EQ(params->token, "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(params->name, "n1");
  EXPECT_FALSE(fsm->enrolled());
  reply(request, authenticated());
  EXPECT_TRUE(fsm->enrolled());
  EXPECT_EQ(fsm->state(), LinkState::registering);
}

TEST_F(ServerLink, SendsNoTokenOnceEnrolled) {
  enrolled = true;
  make();
  fsm->start(now);
  fsm->on_connected(exporter, now);
  EXPECT_FALSE(expect_request("authenticate")["params"].contains("token"));
}

TEST_F(ServerLink, SignsARecordForTheAddressItWasGiven) {
  fsm->start(now);
  come_online();
  const auto registered = take<Registered>();
  ASSERT_EQ(registered.size(), 1u);
  EXPECT_EQ(registered[0].virtual_address, ip("10.10.0.101"));
  EXPECT_EQ(registered[0].name, "n1");
  EXPECT_EQ(registered[0].stun_servers.size(), 1u);
  const auto update = protocol::UpdateParams::parse(expect_request("update")["params"]);
  ASSERT_TRUE(update && update->record);
  const auto record = protocol::verify(*update->record, kNetwork, now.wall);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->virtual_addresses, std::vector{ip("10.10.0.101")});
  EXPECT_EQ(record->serial, 1'790'000'000u) << "not below the wall clock";
  EXPECT_EQ(record->serial, fsm->record_serial());
}

TEST_F(ServerLink, TokenErrorsEndTheTriesWithASentence) {
  const std::pair<protocol::ErrorCode, const char*> cases[] = {
      {protocol::ErrorCode::token_invalid, "does not accept the join token"},
      {protocol::ErrorCode::token_expired, "has expired"},
      {protocol::ErrorCode::token_used, "is used up"},
      {protocol::ErrorCode::refused, "does not admit this node (the server's words)"},
      {protocol::ErrorCode::name_taken, "--name"}};
  for (const auto& [code, sentence] : cases) {
    make();
    log.clear();
    fsm->start(now);
    fsm->on_connected(exporter, now);
    fail(expect_request("authenticate"), code);
    EXPECT_EQ(fsm->state(), LinkState::refused);
    EXPECT_THAT(last_reason(), HasSubstr(sentence));
    EXPECT_EQ(take<CloseConnection>().size(), 1u);
    EXPECT_FALSE(fsm->next_timeout()) << "no further try";
    fsm->start(now);
    EXPECT_EQ(fsm->state(), LinkState::connecting) << "until the next start()";
  }
}

TEST_F(ServerLink, AnUnreachableServerIsToldAtEachTryAndTheNextOneIsTried) {
  fsm->start(now);
  for (const char* host : {"198.51.100.1", "198.51.100.2", "198.51.100.1"}) {
    const auto opened = take<OpenConnection>();
    ASSERT_EQ(opened.size(), 1u);
    EXPECT_EQ(opened[0].host, host);
    fsm->on_closed("Connection refused", now);
    EXPECT_EQ(fsm->state(), LinkState::waiting);
    EXPECT_EQ(fsm->server(), std::string(host) + ":7443") << "last tried";
    EXPECT_THAT(last_reason(),
                testing::AllOf(HasSubstr("cannot be reached: Connection refused"), HasSubstr(host)));
    EXPECT_TRUE(take<CloseConnection>().empty()) << "it is closed already";
    run_to_timeout();
    EXPECT_EQ(fsm->state(), LinkState::connecting);
  }
}

TEST_F(ServerLink, BackoffStaysBelowFiveSecondsForTwoMinutesThenAMinute) {
  fsm->start(now);
  const SteadyTime begin = now.steady;
  Duration longest_early{}, longest_late{};
  while (now.steady - begin < 1h) {
    fsm->on_closed("no route", now);
    const bool is_early = now.steady - begin < 2min;
    Duration& longest = is_early ? longest_early : longest_late;
    longest = std::max(longest, run_to_timeout());
  }
  EXPECT_GT(longest_early, 2s);
  EXPECT_LE(longest_early, 5s);
  EXPECT_GT(longest_late, 30s);
  EXPECT_LE(longest_late, 60s);
  come_online();
  fsm->on_closed("reset", now);
  EXPECT_LE(run_to_timeout(), 500ms) << "a successful register resets it";
}

TEST_F(ServerLink, AConnectionThatHangsIsGivenUp) {
  fsm->start(now);
  EXPECT_EQ(run_to_timeout(), 15s);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
}

TEST_F(ServerLink, AServerThatDoesNotAnswerIsGivenUpInEachState) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_THAT(last_reason(), HasSubstr("did not answer"));
  run_to_timeout();
  next_request();  // the unanswered one
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  expect_request("register");
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  run_to_timeout();
  come_online();
  settle();
  fsm->refresh_directory(now);
  expect_request("query");
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_EQ(fsm->state(), LinkState::waiting) << "online, too";
}

TEST_F(ServerLink, KeepsAliveWhenNothingElseWasSent) {
  start_online();
  advance(29s);
  fsm->on_timeout(now);
  EXPECT_TRUE(next_request().is_null());
  advance(1s);
  fsm->on_timeout(now);
  reply(expect_request("query"), protocol::QueryResult{}.to_json());
  EXPECT_EQ(run_to_timeout(), 30s);
  settle();
  for (int i = 0; i < 10 && fsm->state() == LinkState::online; ++i) {
    run_to_timeout();
    settle();
  }
  EXPECT_EQ(fsm->state(), LinkState::online);
}

TEST_F(ServerLink, ALostServerLeadsBackOnlineAndRepeatsWhatWasAskedFor) {
  start_online();
  fsm->connect(ip("10.10.0.102"), "abcdefgh", {}, now);
  reply(expect_request("connect"), protocol::ConnectResult{other.info(), std::nullopt}.to_json());
  EXPECT_EQ(take<PeerDescribed>().size(), 1u);
  fsm->on_closed("it closed the connection", now);
  EXPECT_THAT(last_reason(), HasSubstr("was lost: it closed the connection"));
  run_to_timeout();
  come_online();
  std::vector<std::string> methods;
  for (Json request = next_request(); !request.is_null(); request = next_request())
    methods.push_back(request["method"]);
  EXPECT_THAT(methods, testing::Contains("connect"));
  fsm->disconnect(ip("10.10.0.102"));
  fsm->on_closed("again", now);
  run_to_timeout();
  come_online();
  methods.clear();
  for (Json request = next_request(); !request.is_null(); request = next_request())
    methods.push_back(request["method"]);
  EXPECT_THAT(methods, testing::Not(testing::Contains("connect")));
}

TEST_F(ServerLink, ATemporaryErrorOfRegisterWaitsAsLongAsTheServerSays) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  fail(expect_request("register"), protocol::ErrorCode::try_later, 20'000);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_GE(run_to_timeout(), 20s);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  fail(expect_request("register"), protocol::ErrorCode::pool_exhausted);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_THAT(last_reason(), HasSubstr("no free virtual address"));
}

TEST_F(ServerLink, AStaleRecordIsSignedAgainFarAbove) {
  fsm->start(now);
  come_online();
  const auto serial = fsm->record_serial();
  fail(expect_request("update"), protocol::ErrorCode::stale);
  expect_request("query");
  EXPECT_EQ(expect_request("update")["params"].contains("record"), true);
  EXPECT_GT(fsm->record_serial(), serial + 1'000'000);
}

TEST_F(ServerLink, AServerThatForgotUsIsAskedAgain) {
  start_online();
  fsm->connect(ip("10.10.0.102"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::not_registered);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  run_to_timeout();
  come_online();
}

TEST_F(ServerLink, ARevokedNodeStopsTrying) {
  start_online();
  fsm->on_closed("it closed the connection", now);
  run_to_timeout();
  fsm->on_connected(exporter, now);
  fail(expect_request("authenticate"), protocol::ErrorCode::refused);
  EXPECT_EQ(fsm->state(), LinkState::refused);
}

TEST_F(ServerLink, AnAnnouncedShutdownIsWaitedFor) {
  start_online();
  notify("shutdown", protocol::Shutdown{8000}.to_json());
  fsm->on_closed("it closed the connection", now);
  EXPECT_GE(run_to_timeout(), 8s);
}

TEST_F(ServerLink, LeavingWaitsForTheConfirmation) {
  start_online();
  fsm->leave(now);
  EXPECT_EQ(fsm->state(), LinkState::leaving);
  EXPECT_TRUE(take<Deregistered>().empty());
  reply(expect_request("deregister"), Json::object());
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::idle);
  EXPECT_FALSE(fsm->next_timeout());
}

TEST_F(ServerLink, LeavingEndsEvenWhenTheServerIsLost) {
  start_online();
  fsm->leave(now);
  fsm->on_closed("reset", now);
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::idle);
  settle();
  start_online();
  fsm->leave(now);
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::idle);
}

TEST_F(ServerLink, LeavingWithoutAServerIsDoneAtOnce) {
  fsm->start(now);
  fsm->on_closed("no route", now);
  fsm->leave(now);
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_FALSE(fsm->next_timeout());
}

TEST_F(ServerLink, StoppingSaysNothingToTheServer) {
  start_online();
  fsm->stop(now);
  EXPECT_TRUE(next_request().is_null());
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
  EXPECT_TRUE(take<Deregistered>().empty());
  EXPECT_EQ(fsm->state(), LinkState::idle);
}

TEST_F(ServerLink, TheRecordIsRenewedEveryDay) {
  start_online();
  const auto serial = fsm->record_serial();
  const SteadyTime begin = now.steady;
  while (now.steady - begin < 25h) {
    run_to_timeout();
    settle();
  }
  EXPECT_EQ(fsm->state(), LinkState::online);
  EXPECT_GT(fsm->record_serial(), serial);
  EXPECT_LE(fsm->record_serial(), serial + 90'000);
}

}  // namespace
}  // namespace causeway::link
