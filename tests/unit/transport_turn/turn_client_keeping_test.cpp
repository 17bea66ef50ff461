// Keeping an address on a TURN server, and giving it back.
#include "turn_client_fixture.hpp"

namespace transport_turn::test {
namespace {

TEST_F(TurnClientTest, RefreshesForHours) {
  allocate();
  pass(60 * kMinute);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(server_.count(kRefresh), 180U);
}

TEST_F(TurnClientTest, OverAStreamMoreRarely) {
  make(true);
  start();
  pass(60 * kMinute);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(server_.count(kRefresh), 60U);
}

TEST_F(TurnClientTest, StaleNonceIsRenewed) {
  allocate();
  server_.nonce = "nonce-2";
  pass(kRefreshUdp);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(server_.asked.back().text(0x0015), "nonce-2");
  EXPECT_EQ(client_->counters().renewals, 2U) << "the 401 at first, and this one";
}

TEST_F(TurnClientTest, AServerThatHasForgottenUs) {
  allocate();
  server_.has_allocation = false;
  pass(kRefreshUdp);
  EXPECT_EQ(failure(), Failure::gone);
}

TEST_F(TurnClientTest, AServerThatFallsSilent) {
  allocate();
  is_cut_ = true;
  pass(kMinute);
  EXPECT_EQ(failure(), Failure::silent);
}

TEST_F(TurnClientTest, ShortOutagesAreSurvived) {
  allocate();
  for (int i = 0; i < 5; ++i) {
    is_cut_ = true;
    pass(25 * kSecond);
    is_cut_ = false;
    pass(kMinute);
  }
  EXPECT_FALSE(ended_);
}

TEST_F(TurnClientTest, RefusedCredentialsLeaveTimeForAnother) {
  allocate();
  client_->want_peer(kBob, now_);
  settle();
  server_.username = "somebody else";
  pass(kRefreshUdp);
  EXPECT_TRUE(is_running_out_);
  EXPECT_FALSE(ended_);
  EXPECT_TRUE(is_bound(kBob)) << "data goes on";
  const std::size_t asked = server_.asked.size();
  pass(kMinute);
  EXPECT_EQ(server_.asked.size(), asked) << "the server is not asked in vain";
}

TEST_F(TurnClientTest, ReleaseGivesBack) {
  allocate();
  client_->release(now_);
  settle();
  EXPECT_EQ(failure(), Failure::released);
  EXPECT_FALSE(server_.has_allocation);
}

TEST_F(TurnClientTest, ReleaseWithAStaleNonce) {
  allocate();
  server_.nonce = "nonce-2";
  client_->release(now_);
  settle();
  EXPECT_FALSE(server_.has_allocation);
}

TEST_F(TurnClientTest, ReleaseWithoutAnswerEndsSoon) {
  allocate();
  is_cut_ = true;
  client_->release(now_);
  settle();
  EXPECT_FALSE(ended_);
  pass(kReleaseLimit);
  EXPECT_EQ(failure(), Failure::released);
  EXPECT_GE(sent_, 4U) << "repeated meanwhile";
}

}  // namespace
}  // namespace transport_turn::test
