#include "link/own_record.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "crypto/ed25519.hpp"

namespace causeway::link {
namespace {

constexpr Duration kYear = std::chrono::hours(24 * 365);

struct OwnRecordTest : ::testing::Test {
  OwnRecordTest() { record.describe("alice", {net::IpAddress::parse("10.10.0.101").value()}, now); }

  void pass(Duration time) {
    now.steady += time;
    now.wall += time;
  }
  /// How long the current record is good by this clock.
  Duration validity() {
    const auto content = protocol::verify(record.current(now).value(), "demo", WallTime{});
    return content.value().expires - now.wall;
  }

  SeededRandom random{1};
  crypto::IdentitySecretKey secret = crypto::generate_identity(random).secret;
  Now now{SteadyTime(1h), WallTime(std::chrono::hours(24 * 365 * 50))};
  OwnRecord record{secret, crypto::derive_public(secret), {}, "demo", {"wireguard", "compact-1"}, 0};
};

TEST_F(OwnRecordTest, SaysWhatTheNodeCanDo) {
  const auto content = protocol::verify(record.current(now).value(), "demo", now.wall);
  ASSERT_TRUE(content);
  EXPECT_TRUE(content.value().has_ability(protocol::ability::kCompact));
  EXPECT_FALSE(content.value().has_ability(protocol::ability::kAes));
  EXPECT_FALSE(content.value().has_ability("compact"));
}

TEST_F(OwnRecordTest, IsNotSignedAnewWithinADay) {
  const auto serial = record.serial();
  pass(23h);
  EXPECT_FALSE(record.renew_if_due(now));
  EXPECT_EQ(record.serial(), serial);
}

TEST_F(OwnRecordTest, IsSignedAnewEveryDay) {
  pass(24h);
  EXPECT_TRUE(record.renew_if_due(now));
  EXPECT_GT(validity(), 29 * 24h);
}

TEST_F(OwnRecordTest, SignedByAClockThatWasBehindIsSignedAnewWhenItIsSetRight) {
  now.wall += kYear;
  EXPECT_GT(validity(), 29 * 24h) << "the old one has expired for everybody else";
}

TEST_F(OwnRecordTest, SignedByAClockThatWasAheadIsSignedAnewWhenItIsSetRight) {
  const auto serial = record.serial();
  now.wall -= kYear;
  EXPECT_LT(validity(), 31 * 24h);
  EXPECT_GT(record.serial(), serial) << "serials rise whatever the clock does";
}

TEST_F(OwnRecordTest, SmallCorrectionsOfTheClockChangeNothing) {
  const auto serial = record.serial();
  now.wall += 30min;
  EXPECT_FALSE(record.renew_if_due(now));
  now.wall -= 1h;
  EXPECT_FALSE(record.renew_if_due(now));
  EXPECT_EQ(record.serial(), serial);
}

}  // namespace
}  // namespace causeway::link
