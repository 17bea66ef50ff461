// A TURN server that lies, repeats itself or runs in circles.
#include "turn_client_fixture.hpp"

namespace transport_turn::test {
namespace {

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

}  // namespace
}  // namespace transport_turn::test
