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

TEST(Bytes, RefusesEveryByteOutsideTheAlphabets) {
  int in_base64 = 0, in_base64url = 0, in_hex = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(4, static_cast<char>(byte));
    in_base64 += from_base64(text).has_value();
    in_base64url += from_base64url(text).has_value();
    in_hex += from_hex(text).has_value();
  }
  EXPECT_EQ(in_base64, 64);
  EXPECT_EQ(in_base64url, 64);
  EXPECT_EQ(in_hex, 22);
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
