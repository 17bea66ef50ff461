// Getting an address from a TURN server.
#include "turn_client_fixture.hpp"

namespace transport_turn::test {
namespace {

TEST_F(TurnClientTest, AllocatesWithTheCredentialsItIsAskedFor) {
  allocate();
  ASSERT_TRUE(allocation_);
  EXPECT_EQ(to_text(allocation_->relayed), "203.0.113.9:50000");
  EXPECT_EQ(to_text(allocation_->mapped), "198.51.100.1:40000");
  ASSERT_EQ(server_.asked.size(), 2U);
  EXPECT_FALSE(server_.asked[0].has(0x0008)) << "the first request knows neither realm nor nonce";
  EXPECT_EQ(server_.asked[0].number(0x0019), 17U << 24) << "REQUESTED-TRANSPORT: UDP";
  EXPECT_FALSE(server_.asked[0].has(0x0017)) << "no family asked for: IPv4";
  EXPECT_EQ(server_.asked[1].text(0x0006), "alice");
  EXPECT_EQ(server_.asked[1].text(0x0014), "lab.example");
  EXPECT_NE(server_.asked[0].id, server_.asked[1].id);
}

TEST_F(TurnClientTest, AServerWithoutCredentialsIsTakenAsItIs) {
  server_.wants_credentials = false;
  allocate();
  EXPECT_EQ(server_.asked.size(), 1U);
}

TEST_F(TurnClientTest, AsksForIpv6) {
  make(false, 6);
  server_.relayed = at("[2001:db8::9]:50000");
  start();
  ASSERT_TRUE(client_->is_allocated());
  EXPECT_EQ(server_.asked[1].number(0x0017), 2U << 24);
  EXPECT_EQ(to_text(allocation_->relayed), "[2001:db8::9]:50000");
}

TEST_F(TurnClientTest, RepeatsOverUdpAndGivesUpAfterTheTimeOfRfc8489) {
  make();
  is_cut_ = true;
  start();
  std::vector<std::int64_t> sent_at{0};
  const std::int64_t begin = now_;
  while (!ended_) {
    const std::size_t before = sent_;
    pass(100 * kMillisecond);
    for (std::size_t i = before; i < sent_; ++i)
      sent_at.push_back((now_ - begin) / kMillisecond);
  }
  EXPECT_THAT(sent_at, ::testing::ElementsAre(0, 500, 1500, 3500, 7500, 15500, 31500));
  EXPECT_EQ(now_ - begin, 39'500 * kMillisecond);
  EXPECT_EQ(failure(), Failure::silent);
}

TEST_F(TurnClientTest, OverAStreamNothingIsRepeated) {
  make(true);
  is_cut_ = true;
  start();
  pass(39 * kSecond);
  EXPECT_FALSE(ended_);
  pass(kSecond);
  EXPECT_EQ(failure(), Failure::silent);
  EXPECT_EQ(sent_, 1U);
}

TEST_F(TurnClientTest, ALateAnswerStillCounts) {
  make();
  client_->start(now_);
  const auto first = client_->take().messages.at(0);
  is_cut_ = true;
  pass(30 * kSecond);
  is_cut_ = false;
  client_->on_message(server_.answer(first), now_);
  settle();
  EXPECT_TRUE(client_->is_allocated());
}

TEST_F(TurnClientTest, WithoutCredentialsItEndsWhenTheyAreAskedFor) {
  client_ =
      std::make_unique<TurnClient>(TurnClient::Settings{false, 4, {}}, [](std::uint8_t*, std::size_t) {});
  start();
  EXPECT_EQ(failure(), Failure::refused);
}

TEST_F(TurnClientTest, WrongCredentials) {
  server_.password = "another";
  make();
  start();
  EXPECT_EQ(failure(), Failure::refused);
  EXPECT_EQ(server_.asked.size(), 2U) << "the same is not tried again and again";
}

TEST_F(TurnClientTest, WhatErrorsMean) {
  const std::pair<int, Failure> cases[] = {
      {403, Failure::forbidden},     {437, Failure::mismatch},      {441, Failure::refused},
      {486, Failure::quota},         {508, Failure::capacity},      {500, Failure::capacity},
      {440, Failure::not_supported}, {442, Failure::not_supported}, {420, Failure::misbehaved}};
  for (const auto& [code, expected] : cases) {
    SCOPED_TRACE(code);
    server_ = TurnServer{};
    ended_.reset();
    server_.instead = [code = code](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
      if (!asked.has(0x0008)) return std::nullopt;
      return TurnServer::refuse(asked, code).seal(server.key()).bytes();
    };
    make();
    start();
    EXPECT_EQ(failure(), expected);
  }
}

TEST_F(TurnClientTest, TryAlternate) {
  server_.instead = [](TurnServer&, const Asked& asked) -> std::optional<Bytes> {
    return TurnServer::refuse(asked, 300).address(0x8023, at("203.0.113.50:3478"), false).bytes();
  };
  make();
  start();
  EXPECT_EQ(failure(), Failure::redirected);
  ASSERT_TRUE(ended_->alternate);
  EXPECT_EQ(to_text(*ended_->alternate), "203.0.113.50:3478");
}

TEST_F(TurnClientTest, TryAlternateToNowhere) {
  for (const char* where : {"127.0.0.1:3478", "239.1.1.1:3478", "0.0.0.0:9"}) {
    ended_.reset();
    server_.instead = [where](TurnServer&, const Asked& asked) -> std::optional<Bytes> {
      return TurnServer::refuse(asked, 300).address(0x8023, at(where), false).bytes();
    };
    make();
    start();
    EXPECT_EQ(failure(), Failure::misbehaved) << where;
  }
}

}  // namespace
}  // namespace transport_turn::test
