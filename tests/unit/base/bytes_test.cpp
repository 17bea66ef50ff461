#include "base/bytes.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace causeway {
namespace {

TEST(Bytes, TextFormsRoundTrip) {
  SeededRandom random(1);
  for (size_t length = 0; length < 70; ++length) {
    Bytes bytes(length);
    random.fill(bytes);
    EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
  }
}

TEST(Bytes, RefusesWhatIsNotCanonical) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
  EXPECT_FALSE(from_base64("QUJD RA=="));
  EXPECT_FALSE(from_base64("QUI"));
  EXPECT_FALSE(from_base64("QUJ="));  // bits behind the last byte are not zero
  EXPECT_FALSE(from_base64url("QUI="));
}

TEST(Random, BelowIsInRangeAndSeedReplays) {
  SeededRandom a(7), b(7);
  for (int i = 0; i < 1000; ++i) {
    const auto value = a.below(10);
    EXPECT_LT(value, 10u);
    EXPECT_EQ(value, b.below(10));
  }
}

}  // namespace
}  // namespace causeway
