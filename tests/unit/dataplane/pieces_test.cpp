#include "dataplane/pieces.hpp"

#include <gtest/gtest.h>

namespace causeway::dataplane {
namespace {

constexpr SteadyTime kStart{1000s};

struct PiecesTest : ::testing::Test {
  Pieces pieces;
  std::size_t lost = 0;
  std::optional<std::string> add(std::uint64_t counter, bool is_second, std::string_view half,
                                 SteadyTime now = kStart, std::uint32_t index = 1) {
    const auto whole = pieces.add(index, counter, is_second, as_bytes(half), now, &lost);
    return whole ? std::optional{std::string(as_text(*whole))} : std::nullopt;
  }
};

TEST_F(PiecesTest, JoinsBothOrders) {
  EXPECT_FALSE(add(7, false, "first"));
  EXPECT_EQ(add(8, true, "second"), "firstsecond");
  EXPECT_FALSE(add(20, true, "B"));
  EXPECT_EQ(add(19, false, "A"), "AB");
  EXPECT_EQ(lost, 0u);
}

TEST_F(PiecesTest, JoinsOnlyWhatBelongsTogether) {
  EXPECT_FALSE(add(7, false, "x"));
  EXPECT_FALSE(add(9, true, "y")) << "the second of 8";
  EXPECT_FALSE(add(8, true, "z", kStart, 2)) << "of another keypair";
  EXPECT_FALSE(add(7, true, "w")) << "the second of 6";
  EXPECT_EQ(add(8, false, "v"), "vy");
  EXPECT_EQ(add(8, true, "z"), "xz");
}

TEST_F(PiecesTest, AHalfIsForgottenAfterAWhile) {
  EXPECT_FALSE(add(7, false, "x"));
  EXPECT_FALSE(add(8, true, "y", kStart + Pieces::kPatience));
  EXPECT_EQ(lost, 1u);
}

TEST_F(PiecesTest, TheOldestMakesRoom) {
  for (std::uint64_t i = 0; i < Pieces::kMost + 3; ++i)
    EXPECT_FALSE(add(i * 2, false, "x", kStart + i * 1ms));
  EXPECT_EQ(lost, 3u);
  const SteadyTime later = kStart + 100ms;
  EXPECT_FALSE(add(2 * 2 + 1, true, "y", later)) << "the first of it made room";
  EXPECT_EQ(add(18 * 2 + 1, true, "y", later), "xy");
}

}  // namespace
}  // namespace causeway::dataplane
