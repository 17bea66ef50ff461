#include "transport-turn/turn_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transport-turn/turn_times.hpp"
#include "turn_server.hpp"

namespace transport_turn::test {
namespace {

const cw_address kBob = at("198.51.100.77:4500");
const cw_address kCarol = at("192.0.2.33:9");

/// A client and a server with a wire that a test can cut, in virtual time.
class TurnClientTest : public ::testing::Test {
 protected:
  void make(bool is_stream = false, std::uint8_t family = 4) {
    client_ = std::make_unique<TurnClient>(TurnClient::Settings{is_stream, family, {"alice", "secret"}},
                                           [this](std::uint8_t* bytes, std::size_t size) {
                                             while (size-- > 0)
                                               *bytes++ = static_cast<std::uint8_t>(random_());
                                           });
  }
  void start() {
    client_->start(now_);
    settle();
  }
  void allocate() {
    make();
    start();
    ASSERT_TRUE(client_->is_allocated());
  }
  /// Carries messages to and fro until nothing moves.
  void settle() {
    for (int round = 0; round < 100; ++round) {
      auto output = client_->take();
      note(output);
      if (output.messages.empty()) return;
      for (const Bytes& message : output.messages) {
        ++sent_;
        if (!is_cut_) client_->on_message(server_.answer(message), now_);
      }
    }
    FAIL() << "client and server go in circles";
  }
  void note(TurnClient::Output& output) {
    if (output.allocated) allocation_ = output.allocated;
    if (output.routes) routes_ = std::move(output.routes);
    if (output.ended) {
      EXPECT_FALSE(ended_) << "ended twice";
      ended_ = output.ended;
    }
    is_running_out_ = is_running_out_ || output.is_running_out;
  }
  /// Time passes; the client is called when it wishes to be.
  void pass(std::int64_t span) {
    const std::int64_t end = now_ + span;
    while (client_->next_time() && *client_->next_time() <= end) {
      ASSERT_GE(*client_->next_time(), last_call_) << "it wants to be called in the past";
      now_ = std::max(now_, *client_->next_time());
      last_call_ = now_;
      client_->on_time(now_);
      settle();
      if (::testing::Test::HasFatalFailure()) return;
      ASSERT_LT(++calls_, 100'000) << "called without end";
    }
    now_ = end;
  }
  Failure failure() const { return ended_ ? ended_->failure : Failure::released; }
  bool is_bound(const cw_address& peer) const {
    const Route* route = routes_ ? routes_->find(peer) : nullptr;
    return route != nullptr && route->is_bound;
  }
  bool is_permitted(const cw_address& peer) const {
    const Permission* permission = routes_ ? routes_->find_permission(peer) : nullptr;
    return permission != nullptr && permission->is_granted;
  }

  std::mt19937 random_{7};
  TurnServer server_;
  std::unique_ptr<TurnClient> client_;
  std::int64_t now_ = kSecond;
  std::int64_t last_call_ = 0;
  int calls_ = 0;
  bool is_cut_ = false;
  std::size_t sent_ = 0;
  std::optional<TurnClient::Allocation> allocation_;
  std::unique_ptr<const RouteTable> routes_;
  std::optional<TurnClient::Ended> ended_;
  bool is_running_out_ = false;
};

// ---- allocating
// ---------------------------------------------------------------------------------------------

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

// ---- a server that lies
// -------------------------------------------------------------------------------------

TEST_F(TurnClientTest, RelayedAddressesThatAreNobodys) {
  for (const char* where :
       {"127.0.0.1:5000", "224.0.0.1:5000", "0.0.0.0:5000", "255.255.255.255:5000", "169.254.1.1:5000"}) {
    server_ = TurnServer{};
    server_.relayed = at(where);
    ended_.reset();
    allocation_.reset();
    make();
    start();
    EXPECT_EQ(failure(), Failure::misbehaved) << where;
    EXPECT_FALSE(allocation_) << where;
  }
}

TEST_F(TurnClientTest, APrivateRelayedAddressIsOrdinary) {
  server_.relayed = at("10.1.2.3:5000");
  allocate();
}

TEST_F(TurnClientTest, ARelayedAddressOfTheWrongFamily) {
  server_.relayed = at("[2001:db8::9]:50000");
  make();
  start();
  EXPECT_EQ(failure(), Failure::misbehaved);
}

TEST_F(TurnClientTest, NoRelayedAddressAtAll) {
  server_.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008)) return std::nullopt;
    return server.sealed(TurnServer::succeed(asked).number(0x000d, 600));
  };
  make();
  start();
  EXPECT_EQ(failure(), Failure::misbehaved);
}

TEST_F(TurnClientTest, AnUnusableMappedAddressIsLeftOut) {
  server_.mapped = at("127.0.0.1:1");
  allocate();
  EXPECT_EQ(allocation_->mapped.family, 0);
}

TEST_F(TurnClientTest, WrongIntegrityIsAsIfNothingHadCome) {
  server_.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008)) return std::nullopt;
    Bytes reply = server.ordinary(asked);
    reply.back() ^= 1;
    return reply;
  };
  make();
  start();
  EXPECT_FALSE(client_->is_allocated());
  EXPECT_EQ(client_->counters().bad_integrity, 1U);
  server_.instead = nullptr;
  pass(kSecond);
  EXPECT_TRUE(client_->is_allocated()) << "the repeated request gets the true answer";
}

TEST_F(TurnClientTest, MissingIntegrityToo) {
  server_.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008)) return std::nullopt;
    return TurnServer::succeed(asked).address(0x0016, server.relayed).number(0x000d, 600).bytes();
  };
  make();
  start();
  pass(kMinute);
  EXPECT_FALSE(client_->is_allocated());
  EXPECT_EQ(client_->counters().bad_integrity, 7U);
  EXPECT_EQ(failure(), Failure::silent);
}

TEST_F(TurnClientTest, AForgedTransactionIdChangesNothing) {
  make();
  client_->start(now_);
  auto request = client_->take().messages.at(0);
  request[10] ^= 1;
  client_->on_message(server_.answer(request), now_);
  settle();
  EXPECT_EQ(client_->counters().unmatched, 1U);
  EXPECT_FALSE(ended_);
}

TEST_F(TurnClientTest, AnAnswerToAnotherMethodChangesNothing) {
  make();
  client_->start(now_);
  const Asked asked = Asked::parse(client_->take().messages.at(0));
  client_->on_message(Builder(kRefresh | kSuccess, asked.id).number(0x000d, 600).bytes(), now_);
  EXPECT_EQ(client_->counters().unmatched, 1U);
}

TEST_F(TurnClientTest, RepeatedAnswersAreCounted) {
  allocate();
  const Bytes again = server_.answer(server_.asked[1].bytes);
  for (int i = 0; i < 5; ++i)
    client_->on_message(again, now_);
  EXPECT_EQ(client_->counters().unmatched, 5U);
}

TEST_F(TurnClientTest, EndlessStaleNoncesEnd) {
  int number = 0;
  server_.instead = [&](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008)) return std::nullopt;
    return TurnServer::refuse(asked, 438)
        .text(0x0014, server.realm)
        .text(0x0015, "n" + std::to_string(++number))
        .bytes();
  };
  make();
  start();
  EXPECT_EQ(failure(), Failure::misbehaved);
  EXPECT_LE(server_.asked.size(), 8U);
}

TEST_F(TurnClientTest, A401WithoutNonceOrRealm) {
  for (const bool has_realm : {false, true}) {
    ended_.reset();
    server_.instead = [&](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
      Builder reply = TurnServer::refuse(asked, 401);
      return has_realm ? reply.text(0x0014, server.realm).bytes() : reply.text(0x0015, "n").bytes();
    };
    make();
    start();
    EXPECT_EQ(failure(), Failure::misbehaved);
  }
}

TEST_F(TurnClientTest, ANewRealmWhileAllocatingIsFollowed) {
  bool was_changed = false;
  server_.instead = [&](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008) || was_changed) return std::nullopt;
    was_changed = true;
    server.realm = "another.example";
    server.nonce = "nonce-2";
    return std::nullopt;
  };
  allocate();
  EXPECT_EQ(server_.asked.back().text(0x0014), "another.example");
}

// The server is asked for a replacement instead: the allocation we have was made under the first realm.
TEST_F(TurnClientTest, ANewRealmLaterIsNotFollowed) {
  allocate();
  server_.realm = "another.example";
  server_.nonce = "nonce-2";
  pass(kRefreshUdp);
  EXPECT_EQ(server_.asked.back().text(0x0014), "lab.example");
  EXPECT_TRUE(is_running_out_);
  EXPECT_FALSE(ended_) << "what we have lasts until it runs out";
  pass(10 * kMinute);
  EXPECT_EQ(failure(), Failure::gone);
}

TEST_F(TurnClientTest, LifetimesOfNothingAndOfEternity) {
  server_.lifetime = 0;
  make();
  start();
  EXPECT_EQ(failure(), Failure::misbehaved);

  server_ = TurnServer{};
  server_.lifetime = 0xffffffff;
  ended_.reset();
  allocate();
  EXPECT_EQ(client_->expires_at(), now_ + kMaxLifetimeSeconds * kSecond);
  pass(kMinute);
  EXPECT_EQ(server_.count(kRefresh), 3U) << "refreshed all the same";
}

TEST_F(TurnClientTest, AShortLifetimeIsRefreshedInTime) {
  server_.lifetime = 12;
  allocate();
  pass(5 * kMinute);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(server_.count(kRefresh), 50U);
}

TEST_F(TurnClientTest, ARefreshThatShortensToNothingEndsIt) {
  allocate();
  server_.lifetime = 0;
  pass(kRefreshUdp);
  EXPECT_EQ(failure(), Failure::gone);
}

// ---- keeping
// ------------------------------------------------------------------------------------------------

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

// ---- peers
// --------------------------------------------------------------------------------------------------

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
