#include "session/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "two_ends.hpp"

namespace causeway::session {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::PipeOptions;
using testing::TwoEnds;

constexpr int kInitiation = 1, kResponse = 2;

std::string numbered(char name, int number) { return std::to_string(number).append(1, name); }

TEST(Session, HandshakeCarriesWaitingData) {
  TwoEnds pair;
  pair.a.send_text("hello", pair.now());
  EXPECT_FALSE(pair.a.session.is_established(pair.time));
  pair.run_for(100ms);
  EXPECT_THAT(pair.b.received, ElementsAre("hello"));
  EXPECT_TRUE(pair.a.session.is_established(pair.time));
  EXPECT_TRUE(pair.b.session.is_established(pair.time));
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 1);
  EXPECT_EQ(pair.b.handshakes_sent[kResponse], 1);
  EXPECT_EQ(pair.b.handshakes_sent[kInitiation], 0);
  pair.b.send_text("answer", pair.now());
  pair.run_for(100ms);
  EXPECT_THAT(pair.a.received, ElementsAre("answer"));
  EXPECT_EQ(pair.a.session.last_handshake(), SteadyTime{1000s} + 20ms);
  EXPECT_EQ(pair.b.session.last_handshake(), SteadyTime{1000s} + 30ms);
}

TEST(Session, InitiatorWithNothingToSendConfirmsByAKeepalive) {
  TwoEnds pair;
  pair.a.session.request(pair.now());
  pair.a.obey(pair.now());
  pair.run_for(100ms);
  EXPECT_EQ(pair.b.keepalives_received, 1);
  EXPECT_TRUE(pair.b.session.is_established(pair.time));
}

TEST(Session, RequestIsHarmlessWhileUnderWayAndWhileFresh) {
  TwoEnds pair;
  for (int i = 0; i < 5; ++i)
    pair.a.session.request(pair.now());
  pair.a.obey(pair.now());
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 1);
  pair.run_for(100ms);
  for (int i = 0; i < 5; ++i)
    pair.a.session.request(pair.now());
  pair.a.obey(pair.now());
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 1);
}

TEST(Session, RenewsAFreshSessionOnceHoweverOftenAsked) {
  TwoEnds pair;
  pair.a.send_text("hello", pair.now());
  pair.run_for(1s);
  const auto first = pair.a.session.last_handshake();
  for (int i = 0; i < 5; ++i)
    pair.a.session.renew(pair.now());
  pair.a.obey(pair.now());
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 2);
  pair.a.send_text("meanwhile", pair.now());
  pair.run_for(100ms);
  EXPECT_GT(pair.a.session.last_handshake(), first);
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 2);
  EXPECT_THAT(pair.b.received, ElementsAre("hello", "meanwhile"));
}

std::vector<Duration> gaps(const std::vector<SteadyTime>& times) {
  std::vector<Duration> result;
  for (std::size_t i = 1; i < times.size(); ++i)
    result.push_back(times[i] - times[i - 1]);
  return result;
}

TEST(Session, RepeatsQuicklyToOurNodesThenGivesUp) {
  TwoEnds pair{{.loss_percent = 100}};
  pair.a.send_text("lost", pair.now());
  pair.run_for(200s);
  const auto waits = gaps(pair.a.handshake_times);
  ASSERT_GT(waits.size(), 10u);
  EXPECT_EQ(waits[0], 250ms);
  EXPECT_EQ(waits[1], 500ms);
  EXPECT_EQ(waits[2], 1s);
  for (std::size_t i = 3; i < waits.size(); ++i) {
    EXPECT_GE(waits[i], kRekeyTimeout);
    EXPECT_LE(waits[i], kRekeyTimeout + kRekeyTimeoutJitter);
  }
  EXPECT_LT(pair.a.handshake_times.back() - pair.a.handshake_times.front(), kRekeyAttemptTime);
  EXPECT_EQ(pair.a.gave_up, 1);
  EXPECT_EQ(pair.a.indices.in_use(), 0u);
  pair.a.send_text("again", pair.now());
  EXPECT_EQ(pair.a.outbox.size(), 1u) << "a later wish begins anew";
}

TEST(Session, RepeatsSlowlyToStockPeers) {
  TwoEnds pair{{.kind = PeerKind::wireguard, .loss_percent = 100}};
  pair.a.send_text("lost", pair.now());
  pair.run_for(200s);
  for (const auto wait : gaps(pair.a.handshake_times)) {
    EXPECT_GE(wait, kRekeyTimeout);
    EXPECT_LE(wait, kRekeyTimeout + kRekeyTimeoutJitter);
  }
  EXPECT_EQ(pair.a.gave_up, 1);
}

TEST(Session, ANewPathRepeatsAtOnce) {
  TwoEnds pair;
  bool blocked = true;
  pair.tap = [&](const testing::End&, Bytes&) { return !blocked; };
  pair.a.send_text("hello", pair.now());
  pair.run_for(120ms);
  blocked = false;
  pair.a.session.on_path_available(pair.now());
  pair.a.obey(pair.now());
  pair.run_for(35ms);
  EXPECT_THAT(pair.b.received, ElementsAre("hello"));
}

TEST(Session, ManyNewPathsDoNotFlood) {
  TwoEnds pair{{.loss_percent = 100}};
  pair.a.session.request(pair.now());
  for (int i = 0; i < 100; ++i) {
    pair.a.session.on_path_available(pair.now());
    pair.a.obey(pair.now());
    pair.run_for(1ms);
  }
  EXPECT_LE(pair.a.handshakes_sent[kInitiation], 3);
}

TEST(Session, ANewPathStartsNothingByItself) {
  TwoEnds pair;
  pair.a.session.on_path_available(pair.now());
  EXPECT_FALSE(pair.a.session.poll_action());
}

class SimultaneousInitiation : public ::testing::TestWithParam<int> {};

TEST_P(SimultaneousInitiation, Converges) {
  TwoEnds pair{{.delay = 20ms,
                .delay_spread = GetParam() % 2 ? 15ms : 0ms,
                .seed = static_cast<std::uint64_t>(GetParam())}};
  pair.a.send_text("from a", pair.now());
  if (GetParam() % 3 == 0) pair.run_for(5ms);
  pair.b.send_text("from b", pair.now());
  pair.run_for(200ms);
  EXPECT_THAT(pair.a.received, ElementsAre("from b"));
  EXPECT_THAT(pair.b.received, ElementsAre("from a"));
  EXPECT_TRUE(pair.a.session.is_established(pair.time));
  EXPECT_TRUE(pair.b.session.is_established(pair.time));
  const int initiations = pair.a.handshakes_sent[kInitiation] + pair.b.handshakes_sent[kInitiation];
  // Quiet afterwards: nobody goes on initiating.
  for (int i = 0; i < 20; ++i) {
    pair.a.send_text("ping", pair.now());
    pair.b.send_text("pong", pair.now());
    pair.run_for(1s);
  }
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation] + pair.b.handshakes_sent[kInitiation], initiations);
  EXPECT_EQ(pair.a.received.size(), 21u);
  EXPECT_EQ(pair.b.received.size(), 21u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimultaneousInitiation, ::testing::Range(1, 41));

TEST(Session, SimultaneousInitiationBetweenStockRulesConvergesToo) {
  TwoEnds pair{{.kind = PeerKind::wireguard}};
  pair.a.send_text("from a", pair.now());
  pair.b.send_text("from b", pair.now());
  pair.run_for(6s);
  EXPECT_THAT(pair.a.received, ElementsAre("from b"));
  EXPECT_THAT(pair.b.received, ElementsAre("from a"));
}

TEST(Session, RekeysAfterTwoMinutesWithoutLosingAPacket) {
  TwoEnds pair;
  std::size_t sent = 0;
  for (int i = 0; i < 4000; ++i) {  // 400 s
    pair.a.send_text(numbered('a', i), pair.now());
    pair.b.send_text(numbered('b', i), pair.now());
    ++sent;
    pair.run_for(100ms);
  }
  pair.run_for(1s);
  EXPECT_EQ(pair.a.received.size(), sent);
  EXPECT_EQ(pair.b.received.size(), sent);
  EXPECT_EQ(pair.a.unknown_index + pair.b.unknown_index + pair.a.not_opened + pair.b.not_opened, 0);
  // 0, 120, 240, 360 s. Both began at once, so the first counts once or twice.
  const int installed = pair.a.installed;
  EXPECT_GE(installed, 4);
  EXPECT_LE(installed, 5);
  EXPECT_LE(pair.a.indices.in_use(), 3u);
  EXPECT_LE(pair.b.indices.in_use(), 3u);
}

TEST(Session, OnlyTheInitiatorRekeys) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.run_for(1s);
  for (int i = 0; i < 130; ++i) {
    pair.a.send_text("a", pair.now());
    pair.b.send_text("b", pair.now());
    pair.run_for(1s);
  }
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 2);
  EXPECT_EQ(pair.b.handshakes_sent[kInitiation], 0);
}

TEST(Session, AReceiverRekeysBeforeItsKeepalivesExpire) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.run_for(1s);
  for (int i = 0; i < 170; ++i) {  // only the responder has data; the initiator sends keepalives
    pair.b.send_text("b", pair.now());
    pair.run_for(1s);
  }
  EXPECT_EQ(pair.a.received.size(), 170u);
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 2);
  EXPECT_EQ(pair.b.handshakes_sent[kInitiation], 0);
}

TEST(Session, AnIdleSessionExpiresAfterThreeMinutesAndComesBack) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.run_for(179s);
  EXPECT_TRUE(pair.a.session.is_established(pair.time));
  pair.run_for(2s);
  EXPECT_FALSE(pair.a.session.is_established(pair.time));
  EXPECT_FALSE(pair.b.session.is_established(pair.time));
  EXPECT_EQ(pair.a.slots.sender(pair.time), nullptr);
  pair.b.send_text("back", pair.now());
  pair.run_for(1s);
  EXPECT_THAT(pair.a.received, ElementsAre("back"));
}

TEST(Session, KeysAreErasedAfterNineMinutes) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.run_for(539s);
  EXPECT_EQ(pair.a.erased, 0);
  pair.run_for(2s);
  EXPECT_EQ(pair.a.erased, 1);
  EXPECT_EQ(pair.b.erased, 1);
  EXPECT_EQ(pair.a.indices.in_use() + pair.b.indices.in_use(), 0u);
  EXPECT_FALSE(pair.a.session.next_timeout()) << "nothing is left to wait for";
}

TEST(Session, AnswersDataWithAKeepaliveAfterTenSeconds) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.run_for(9s);
  EXPECT_EQ(pair.a.keepalives_received, 0);
  pair.run_for(2s);
  EXPECT_EQ(pair.a.keepalives_received, 1);
  pair.run_for(60s);
  EXPECT_EQ(pair.a.keepalives_received, 1) << "keepalives are not answered";
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 1) << "and they keep the session";
}

TEST(Session, ASilentPeerIsAskedForANewSessionAfterFifteenSeconds) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.run_for(1s);
  pair.b.send_text("y", pair.now());
  pair.run_for(1s);
  bool dead = true;
  pair.tap = [&](const testing::End&, Bytes&) { return !dead; };
  pair.a.send_text("unheard", pair.now());
  pair.run_for(14900ms);
  EXPECT_EQ(pair.a.handshakes_sent[kInitiation], 1);
  pair.run_for(500ms);  // jitter is under 333 ms
  EXPECT_GE(pair.a.handshakes_sent[kInitiation], 2);
  dead = false;
  pair.run_for(3s);
  EXPECT_EQ(pair.a.installed, 2);
}

TEST(Session, PersistentKeepaliveConnectsAndKeepsOn) {
  TwoEnds pair{{.persistent_a = 25s}};
  pair.run_for(1s);
  EXPECT_TRUE(pair.b.session.is_established(pair.time)) << "without any data";
  const int before = pair.b.keepalives_received;
  pair.run_for(100s);
  EXPECT_EQ(pair.b.keepalives_received - before, 4);
  pair.run_for(500s);
  EXPECT_TRUE(pair.b.session.is_established(pair.time));
  EXPECT_EQ(pair.b.erased, 0);
}

TEST(Session, AReplayedInitiationIsRefused) {
  TwoEnds pair;
  Bytes recorded;
  pair.tap = [&](const testing::End&, Bytes& message) {
    if (message[0] == kInitiation && recorded.empty()) recorded = message;
    return true;
  };
  pair.a.send_text("x", pair.now());
  pair.run_for(1s);
  const int installed = pair.b.installed;
  pair.b.receive(recorded, pair.a.address, pair.now());
  EXPECT_EQ(pair.b.refused, 1);
  EXPECT_EQ(pair.b.installed, installed);
  EXPECT_THAT(pair.b.outbox, IsEmpty());
}

TEST(Session, AFloodOfAuthenticInitiationsIsRefused) {
  TwoEnds pair;
  TimestampSource stamps;
  int accepted = 0;
  for (int i = 0; i < 100; ++i) {
    IndexAllocator indices{pair.random};
    Session fresh{pair.keys_a, pair.keys_b.public_key, pair.psk, stamps, indices, pair.random, {}};
    fresh.request(pair.now());
    const auto bytes = std::get<SendHandshake>(*fresh.poll_action()).message;
    const auto verdict = pair.b.inbox.consume(bytes, pair.a.address, false, pair.now());
    accepted += pair.b.session.on_initiation(std::get<ReceivedInitiation>(verdict), pair.now());
    pair.time += 1ms;
  }
  EXPECT_EQ(accepted, 5);
}

TEST(Session, AClockSetBackDoesNotLockANodeOut) {
  TwoEnds pair;
  pair.a.send_text("one", pair.now());
  pair.run_for(200s);
  pair.wall_offset = -100'000'000s;  // about three years
  pair.a.send_text("two", pair.now());
  pair.run_for(1s);
  EXPECT_THAT(pair.b.received, ElementsAre("one", "two"));
}

TEST(Session, UnderLoadACookieIsAskedForAndGiven) {
  TwoEnds pair;
  pair.b.under_load = true;
  pair.a.send_text("hello", pair.now());
  pair.run_for(100ms);
  EXPECT_EQ(pair.b.cookies_sent, 1);
  EXPECT_THAT(pair.b.received, IsEmpty());
  pair.run_for(300ms);  // the repetition after 250 ms carries the cookie
  EXPECT_THAT(pair.b.received, ElementsAre("hello"));
  EXPECT_EQ(pair.b.cookies_sent, 1);
}

TEST(Session, BothUnderLoadStillConnect) {
  TwoEnds pair;
  pair.a.under_load = pair.b.under_load = true;
  pair.a.send_text("hello", pair.now());
  pair.run_for(3s);
  EXPECT_THAT(pair.b.received, ElementsAre("hello"));
}

TEST(Session, ACookieFromAnotherAddressIsWorthless) {
  TwoEnds pair;
  pair.b.under_load = true;
  pair.a.send_text("hello", pair.now());
  pair.run_for(100ms);
  pair.a.address = *net::Endpoint::parse("192.0.2.1:51821");  // a NAT rebinding, or a thief of cookies
  pair.run_for(200ms);
  EXPECT_EQ(pair.b.cookies_sent, 2);
  EXPECT_THAT(pair.b.received, IsEmpty());
}

TEST(Session, WrongPresharedKeyAgreesOnNothing) {
  SeededRandom random{5};
  const auto keys_a = testing::make_keys(random), keys_b = testing::make_keys(random);
  crypto::PresharedKey other;
  other.bytes[0] = 1;
  testing::End a{"a", keys_a, keys_b.public_key, random, {}, PeerKind::causeway, {}, {}};
  testing::End b{"b", keys_b, keys_a.public_key, random, {}, PeerKind::causeway, {}, other};
  const Now now{SteadyTime{1s}, testing::kStart};
  a.send_text("secret", now);
  b.receive(a.outbox.at(0), {}, now);
  a.receive(b.outbox.at(0), {}, now);
  EXPECT_EQ(a.refused, 1);
  EXPECT_EQ(a.installed, 0);
}

TEST(Session, ForeignAndForgedAnswersChangeNothing) {
  TwoEnds pair;
  pair.a.send_text("x", pair.now());
  pair.b.receive(pair.a.outbox.at(0), pair.a.address, pair.now());
  const Bytes good = pair.b.outbox.at(0);
  const std::uint32_t index = wire::parse_response(good)->receiver_index;
  for (std::size_t at = 8; at < 60;
       ++at) {  // the sender index before is not authenticated by Noise, only by mac1
    Bytes bad = good;
    bad[at] ^= 0x40;
    // Straight into the session, as one would come whose sender could compute mac1.
    EXPECT_FALSE(pair.a.session.on_response(bad, pair.now())) << at;
  }
  EXPECT_FALSE(pair.a.session.on_cookie_reply(Bytes(64, 3), pair.now()));
  EXPECT_TRUE(pair.a.session.owns_handshake_index(index));
  EXPECT_TRUE(pair.a.session.on_response(good, pair.now()));
  EXPECT_FALSE(pair.a.session.on_response(good, pair.now())) << "once only";
}

class RoughPipe : public ::testing::TestWithParam<int> {};

TEST_P(RoughPipe, DeliversAllThatTheNetworkDoes) {
  TwoEnds pair{{.delay = 5ms,
                .delay_spread = 60ms,
                .loss_percent = 20,
                .duplicate_percent = 20,
                .seed = static_cast<std::uint64_t>(GetParam())}};
  std::size_t data_sent = 0;
  for (int i = 0; i < 3000; ++i) {  // 300 s, over two rekeys
    pair.a.send_text(numbered('a', i), pair.now());
    pair.b.send_text(numbered('b', i), pair.now());
    ++data_sent;
    pair.run_for(100ms);
  }
  for (auto* end : {&pair.a, &pair.b}) {
    EXPECT_GT(end->received.size(), data_sent * 70 / 100);
    std::sort(end->received.begin(), end->received.end());
    EXPECT_EQ(std::adjacent_find(end->received.begin(), end->received.end()), end->received.end())
        << "a replay";
    EXPECT_EQ(end->gave_up, 0);
    EXPECT_LE(end->indices.in_use(), 4u);
    EXPECT_TRUE(end->session.is_established(pair.time));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoughPipe, ::testing::Range(1, 16));

}  // namespace
}  // namespace causeway::session
