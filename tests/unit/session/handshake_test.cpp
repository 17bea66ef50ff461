#include "session/handshake.hpp"

#include <gtest/gtest.h>

#include "session/cookie.hpp"
#include "two_ends.hpp"

namespace causeway::session {
namespace {

struct Fixture {
  SeededRandom random{1};
  LocalKeys ours = testing::make_keys(random), theirs = testing::make_keys(random);
  TimestampSource stamps;
  IndexAllocator indices{random};
  HandshakeInbox inbox{ours, random};
  Session sender{theirs, ours.public_key, {}, stamps, indices, random, {}};
  net::Endpoint from = *net::Endpoint::parse("203.0.113.5:1234");
  Now now{SteadyTime{100s}, testing::kStart};

  Bytes initiation() {
    sender.request(now);
    return std::get<SendHandshake>(*sender.poll_action()).message;
  }
  InboxVerdict consume(ByteView message, bool under_load = false) {
    return inbox.consume(message, from, under_load, now);
  }
};

TEST(HandshakeInbox, TellsWhoSpeaks) {
  Fixture fixture;
  const auto verdict = fixture.consume(fixture.initiation());
  const auto* initiation = std::get_if<ReceivedInitiation>(&verdict);
  ASSERT_TRUE(initiation);
  EXPECT_EQ(initiation->remote, fixture.theirs.public_key);
  EXPECT_EQ(initiation->timestamp, fixture.stamps.last());
}

TEST(HandshakeInbox, EveryFlippedBitIsRefused) {
  Fixture fixture;
  const Bytes good = fixture.initiation();
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto verdict = fixture.consume(bad);
    if (bit / 8 >= 132) {
      EXPECT_TRUE(std::holds_alternative<ReceivedInitiation>(verdict)) << "mac2 counts under load only";
      continue;
    }
    const auto* drop = std::get_if<HandshakeDrop>(&verdict);
    ASSERT_TRUE(drop) << bit;
    EXPECT_EQ(*drop, bit / 8 < 4 ? HandshakeDrop::malformed : HandshakeDrop::bad_mac1) << bit;
  }
}

TEST(HandshakeInbox, AForgerWithMac1StillFailsToAuthenticate) {
  Fixture fixture;
  const Bytes good = fixture.initiation();
  MacWriter macs{fixture.ours.public_key};  // anybody who knows our public key can compute mac1
  for (std::size_t at = 8; at < 116; ++at) {
    Bytes bad = good;
    bad[at] ^= 1;
    macs.write_macs(bad, fixture.now.steady);
    const auto verdict = fixture.consume(bad);
    ASSERT_TRUE(std::holds_alternative<HandshakeDrop>(verdict)) << at;
    EXPECT_EQ(std::get<HandshakeDrop>(verdict), HandshakeDrop::not_authentic) << at;
  }
}

TEST(HandshakeInbox, EveryTruncationAndRandomBytesAreRefused) {
  Fixture fixture;
  const Bytes good = fixture.initiation();
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto verdict = fixture.consume(ByteView{good}.first(length));
    ASSERT_TRUE(std::holds_alternative<HandshakeDrop>(verdict));
  }
  for (int i = 0; i < 2000; ++i) {
    Bytes noise(fixture.random.below(300));
    fixture.random.fill(noise);
    if (noise.size() >= 4)
      noise[0] = static_cast<std::uint8_t>(fixture.random.below(6)), noise[1] = noise[2] = noise[3] = 0;
    const auto verdict = fixture.consume(noise, i % 2);
    EXPECT_FALSE(std::holds_alternative<ReceivedInitiation>(verdict));
    EXPECT_FALSE(std::holds_alternative<CookieReply>(verdict));
  }
}

TEST(HandshakeInbox, AMessageForAnotherNodeIsRefused) {
  Fixture fixture;
  const auto third = testing::make_keys(fixture.random);
  HandshakeInbox other{third, fixture.random};
  const auto verdict = other.consume(fixture.initiation(), fixture.from, false, fixture.now);
  EXPECT_EQ(std::get<HandshakeDrop>(verdict), HandshakeDrop::bad_mac1);
}

TEST(HandshakeInbox, UnderLoadOnlyAFreshCookieOfThisAddressPasses) {
  Fixture fixture;
  Bytes message = fixture.initiation();
  auto verdict = fixture.consume(message, true);
  ASSERT_TRUE(std::holds_alternative<CookieReply>(verdict));
  MacWriter macs{fixture.ours.public_key};
  macs.write_macs(message, fixture.now.steady);
  ASSERT_TRUE(
      macs.consume_reply(std::get<CookieReply>(fixture.consume(message, true)).message, fixture.now.steady));
  macs.write_macs(message, fixture.now.steady);
  EXPECT_TRUE(std::holds_alternative<ReceivedInitiation>(fixture.consume(message, true)));
  fixture.from.port ^= 1;
  EXPECT_TRUE(std::holds_alternative<CookieReply>(fixture.consume(message, true)));
  fixture.from.port ^= 1;
  fixture.now.steady += 121s;  // the secret behind it was renewed
  EXPECT_TRUE(std::holds_alternative<CookieReply>(fixture.consume(message, true)));
  macs.write_macs(message, fixture.now.steady);
  EXPECT_EQ(Bytes(message.end() - 16, message.end()), Bytes(16)) << "the sender stops using it too";
}

TEST(MacWriter, TakesNoForgedOrRepeatedOrUnaskedReply) {
  Fixture fixture;
  Bytes message = fixture.initiation();
  MacWriter macs{fixture.ours.public_key};
  const Bytes reply = std::get<CookieReply>(fixture.consume(message, true)).message;
  EXPECT_FALSE(macs.consume_reply(reply, fixture.now.steady)) << "nothing was sent";
  macs.write_macs(message, fixture.now.steady);
  for (std::size_t at = 8; at < reply.size(); ++at) {
    Bytes bad = reply;
    bad[at] ^= 1;
    EXPECT_FALSE(macs.consume_reply(bad, fixture.now.steady)) << at;
  }
  EXPECT_FALSE(macs.consume_reply(ByteView{reply}.first(63), fixture.now.steady));
  EXPECT_TRUE(macs.consume_reply(reply, fixture.now.steady));
  EXPECT_FALSE(macs.consume_reply(reply, fixture.now.steady)) << "one per message";
}

TEST(TimestampSource, GrowsStrictlyWhateverTheClockDoes) {
  TimestampSource stamps;
  SeededRandom random{3};
  Tai64n last{};
  for (int i = 0; i < 1000; ++i) {
    const auto wall = testing::kStart + std::chrono::milliseconds{random.below(100'000)} - 50s;
    const auto stamp = stamps.next(wall);
    EXPECT_GT(stamp, last);
    last = stamp;
  }
  TimestampSource restarted{last};
  EXPECT_GT(restarted.next(WallTime{}), last) << "a clock at 1970 after a restart";
  EXPECT_GT(restarted.next(WallTime{} - 10s), last) << "and before it";
}

TEST(TimestampSource, IsTai64nRoundedDown) {
  EXPECT_EQ(to_hex(TimestampSource{}.next(WallTime{1s + 999'999'999ns})), "400000000000000b3b000000");
}

TEST(IndexAllocator, LowBitsAreUniqueUntilReleased) {
  SeededRandom random{1};
  IndexAllocator indices{random};
  std::set<std::uint32_t> seen;
  std::uint32_t first = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto index = indices.allocate();
    if (i == 0) first = index;
    EXPECT_NE(index & 0xffffff, 0u);
    EXPECT_TRUE(seen.insert(index & 0xffffff).second);
  }
  EXPECT_EQ(indices.in_use(), 20'000u);
  indices.release(first);
  indices.release(first);
  EXPECT_EQ(indices.in_use(), 19'999u);
}

TEST(IndexAllocator, LowestBitsNameTheLoop) {
  for (const unsigned loops : {2u, 3u, 4u, 64u}) {
    SeededRandom random{2};
    IndexAllocator indices{random, loops};
    std::set<std::uint32_t> seen;
    for (unsigned i = 0; i < 200 * loops; ++i) {
      const auto index = indices.allocate(i % loops);
      EXPECT_EQ(index & loop_mask(loops), i % loops);
      EXPECT_NE(index & 0xffffff, 0u);
      EXPECT_TRUE(seen.insert(index & 0xffffff).second);
    }
  }
  EXPECT_EQ(loop_mask(1), 0u);
  EXPECT_EQ(loop_mask(3), 3u);
  EXPECT_EQ(loop_mask(64), 63u);
}

TEST(IndexAllocator, OneLoopChangesNothing) {
  SeededRandom random{3}, same{3};
  IndexAllocator indices{random};
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(indices.allocate(), same.next_u32());
}

}  // namespace
}  // namespace causeway::session
