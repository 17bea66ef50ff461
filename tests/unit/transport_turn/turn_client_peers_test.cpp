// Permissions and channels of peers.
#include "turn_client_fixture.hpp"

namespace transport_turn::test {
namespace {

TEST_F(TurnClientTest, APeerGetsAPermissionAndAChannel) {
  allocate();
  ASSERT_TRUE(client_->want_peer(kBob, now_));
  settle();
  EXPECT_TRUE(is_bound(kBob));
  EXPECT_TRUE(is_permitted(kBob));
  ASSERT_EQ(server_.asked.size(), 4U);
  EXPECT_EQ(server_.asked[2].method, kCreatePermission);
  EXPECT_EQ(to_text(server_.asked[2].peer()), "198.51.100.77:0");
  EXPECT_EQ(server_.asked[3].method, kChannelBind);
  EXPECT_EQ(to_text(server_.asked[3].peer()), "198.51.100.77:4500");
  EXPECT_EQ(server_.asked[3].number(0x000c), 0x40000000U);
}

TEST_F(TurnClientTest, WantedTwiceIsAskedOnce) {
  allocate();
  client_->want_peer(kBob, now_);
  client_->want_peer(kBob, now_);
  settle();
  EXPECT_EQ(server_.asked.size(), 4U);
}

TEST_F(TurnClientTest, PeersWantedBeforeTheAllocationWait) {
  make();
  client_->want_peer(kBob, now_);
  start();
  EXPECT_TRUE(is_bound(kBob));
}

TEST_F(TurnClientTest, TwoPortsOfOneAddressShareThePermission) {
  allocate();
  client_->want_peer(kBob, now_);
  client_->want_peer(at("198.51.100.77:4501"), now_);
  settle();
  EXPECT_EQ(server_.count(kCreatePermission), 1U);
  EXPECT_EQ(server_.count(kChannelBind), 2U);
  client_->drop_peer(kBob, now_);
  settle();
  EXPECT_TRUE(is_permitted(kBob));
  EXPECT_FALSE(is_bound(kBob));
  client_->drop_peer(at("198.51.100.77:4501"), now_);
  settle();
  EXPECT_FALSE(is_permitted(kBob));
}

TEST_F(TurnClientTest, PermissionsAndChannelsAreRefreshedInTime) {
  allocate();
  client_->want_peer(kBob, now_);
  settle();
  pass(60 * kMinute);
  EXPECT_TRUE(is_bound(kBob));
  EXPECT_TRUE(is_permitted(kBob));
  EXPECT_EQ(server_.count(kCreatePermission), 1U + 15U);
  EXPECT_EQ(server_.count(kChannelBind), 1U + 7U);
}

TEST_F(TurnClientTest, WhatIsNotRefreshedExpires) {
  allocate();
  client_->want_peer(kBob, now_);
  settle();
  server_.instead = [](TurnServer&, const Asked& asked) -> std::optional<Bytes> {
    if (asked.method != kCreatePermission && asked.method != kChannelBind) return std::nullopt;
    return TurnServer::refuse(asked, 508).bytes();
  };
  pass(6 * kMinute);
  EXPECT_FALSE(is_permitted(kBob));
  EXPECT_TRUE(is_bound(kBob));
  pass(5 * kMinute);
  EXPECT_FALSE(is_bound(kBob));
}

TEST_F(TurnClientTest, AForbiddenPeerIsAskedForAgainEachMinute) {
  allocate();
  server_.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (asked.method != kCreatePermission && asked.method != kChannelBind) return std::nullopt;
    return TurnServer::refuse(asked, 403).seal(server.key()).bytes();
  };
  client_->want_peer(kBob, now_);
  settle();
  EXPECT_FALSE(is_permitted(kBob));
  EXPECT_EQ(client_->counters().refused_peers, 2U);
  pass(10 * kMinute);
  EXPECT_EQ(server_.count(kCreatePermission), 11U);
  EXPECT_FALSE(ended_);
}

TEST_F(TurnClientTest, AChannelThatTheServerKnowsOtherwiseGetsAnotherNumber) {
  allocate();
  server_.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (asked.method != kChannelBind || asked.number(0x000c) != 0x40000000) return std::nullopt;
    return TurnServer::refuse(asked, 400).seal(server.key()).bytes();
  };
  client_->want_peer(kBob, now_);
  settle();
  EXPECT_TRUE(is_permitted(kBob)) << "Send indications will do meanwhile";
  EXPECT_FALSE(is_bound(kBob));
  pass(kRetryPeer);
  EXPECT_TRUE(is_bound(kBob));
}

TEST_F(TurnClientTest, APeerThatComesBackKeepsItsNumber) {
  allocate();
  client_->want_peer(kBob, now_);
  client_->want_peer(kCarol, now_);
  settle();
  const auto number = routes_->find(kBob)->channel;
  client_->drop_peer(kBob, now_);
  pass(14 * kMinute);
  client_->want_peer(kBob, now_);
  settle();
  EXPECT_EQ(routes_->find(kBob)->channel, number);
}

TEST_F(TurnClientTest, ANumberIsGivenToAnotherOnlyAfterItsRest) {
  allocate();
  client_->want_peer(kBob, now_);
  settle();
  const auto number = routes_->find(kBob)->channel;
  client_->drop_peer(kBob, now_);
  settle();
  pass(16 * kMinute);
  client_->want_peer(kCarol, now_);
  settle();
  EXPECT_NE(routes_->find(kCarol)->channel, number) << "numbers go round";
}

TEST_F(TurnClientTest, OneTooManyPeers) {
  allocate();
  const auto peer = [](std::size_t i) {
    cw_address address = kBob;
    address.octets[2] = static_cast<std::uint8_t>(i / 200);
    address.octets[3] = static_cast<std::uint8_t>(i % 200 + 1);
    return address;
  };
  for (std::size_t i = 0; i < RouteTable::kMaxRoutes; ++i)
    ASSERT_TRUE(client_->want_peer(peer(i), now_)) << i;
  EXPECT_FALSE(client_->want_peer(peer(RouteTable::kMaxRoutes), now_));
  settle();
  pass(kSecond);
  for (std::size_t i = 0; i < RouteTable::kMaxRoutes; ++i)
    ASSERT_TRUE(is_bound(peer(i))) << i;
  client_->drop_peer(peer(0), now_);
  EXPECT_TRUE(client_->want_peer(peer(RouteTable::kMaxRoutes), now_));
}

TEST_F(TurnClientTest, RequestsUnderWayAreBounded) {
  allocate();
  is_cut_ = true;
  for (int i = 1; i < 200; ++i) {
    cw_address address = kBob;
    address.octets[3] = static_cast<std::uint8_t>(i);
    client_->want_peer(address, now_);
  }
  EXPECT_EQ(client_->take().messages.size(), kMaxTransactions);
}

TEST_F(TurnClientTest, PeersThatComeAndGoLeaveNothingBehind) {
  allocate();
  for (int i = 0; i < 6'000; ++i) {
    cw_address address = kBob;
    address.port = static_cast<std::uint16_t>(1000 + i);
    client_->want_peer(address, now_);
    client_->drop_peer(address, now_);
    if (i % 16 == 0) pass(kSecond);
  }
  EXPECT_FALSE(ended_);
  client_->want_peer(kCarol, now_);
  settle();
  EXPECT_TRUE(is_permitted(kCarol));
}

TEST_F(TurnClientTest, PeersOfTheOtherFamilyAreLeftOut) {
  allocate();
  client_->want_peer(at("[2001:db8::1]:9"), now_);
  client_->want_peer(at("127.0.0.1:9"), now_);
  settle();
  EXPECT_EQ(server_.asked.size(), 2U);
  EXPECT_EQ(client_->counters().refused_peers, 2U);
}

TEST_F(TurnClientTest, AnAllocationLostWhileAPeerIsAsked) {
  allocate();
  server_.has_allocation = false;
  client_->want_peer(kBob, now_);
  settle();
  EXPECT_EQ(failure(), Failure::gone);
}

TEST_F(TurnClientTest, NoiseIsCounted) {
  allocate();
  std::mt19937 noise(3);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(noise() % 200);
    for (auto& byte : bytes)
      byte = static_cast<std::uint8_t>(noise());
    client_->on_message(bytes, now_);
  }
  EXPECT_EQ(client_->counters().malformed, 2000U);
  EXPECT_FALSE(ended_);
}

}  // namespace
}  // namespace transport_turn::test
