#include "dataplane/stage.hpp"

#include <gtest/gtest.h>

namespace causeway::dataplane {
namespace {

constexpr SteadyTime kStart{100s};

struct StageTest : ::testing::Test {
  StageBudget budget{.most_bytes = 1 << 20};
  Stage stage{budget};
};

TEST_F(StageTest, TheOldestGoWhenThereAreTooMany) {
  for (std::size_t i = 0; i < Stage::kMostPackets; ++i)
    EXPECT_EQ(stage.push(Bytes(1, static_cast<std::uint8_t>(i)), kStart), 0u);
  EXPECT_EQ(stage.push(Bytes(1, 0xff), kStart), 1u);
  EXPECT_EQ(stage.size(), Stage::kMostPackets);
  EXPECT_EQ(stage.front()[0], 1);
}

TEST_F(StageTest, TheOldestGoWhenTheyAreTooLong) {
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(stage.push(Bytes(65536), kStart), 0u);
  EXPECT_EQ(stage.push(Bytes(65537), kStart), 2u);
  EXPECT_EQ(stage.size(), 3u);
}

TEST_F(StageTest, AllStagesTogetherAreBounded) {
  budget.most_bytes = 100;
  Stage other(budget);
  EXPECT_EQ(other.push(Bytes(60), kStart), 0u);
  EXPECT_EQ(stage.push(Bytes(60), kStart), 1u);  // itself: others' packets are not its to drop
  EXPECT_TRUE(stage.empty());
  EXPECT_EQ(stage.push(Bytes(40), kStart), 0u);
  EXPECT_EQ(stage.push(Bytes(30), kStart), 1u);  // makes room among its own
  EXPECT_EQ(stage.size(), 1u);
  EXPECT_EQ(budget.used_bytes, 90u);
  other.clear();
  EXPECT_EQ(budget.used_bytes, 30u);
}

TEST_F(StageTest, ExpiresEachPacketByItsOwnTime) {
  stage.push(Bytes(1), kStart);
  stage.push(Bytes(1), kStart + 1s);
  EXPECT_EQ(stage.expire(kStart + 15s - 1ns), 0u);
  EXPECT_EQ(stage.expire(kStart + 15s), 1u);
  EXPECT_EQ(stage.deadline(), kStart + 16s);
}

TEST_F(StageTest, AppendKeepsOrderAndTime) {
  Stage other(budget);
  stage.push(Bytes(1, 1), kStart);
  other.push(Bytes(1, 2), kStart + 1s);
  EXPECT_EQ(stage.append(other), 0u);
  EXPECT_TRUE(other.empty());
  stage.pop();
  EXPECT_EQ(stage.front()[0], 2);
  EXPECT_EQ(stage.deadline(), kStart + 16s);
  EXPECT_EQ(budget.used_bytes, 1u);
}

TEST_F(StageTest, DropIfGivesTheBytesBack) {
  for (std::uint8_t i = 0; i < 10; ++i)
    stage.push(Bytes(10, i), kStart);
  EXPECT_EQ(stage.drop_if([](MutableByteView packet) { return packet[0] % 2 == 0; }), 5u);
  EXPECT_EQ(stage.size(), 5u);
  EXPECT_EQ(budget.used_bytes, 50u);
  EXPECT_EQ(stage.clear(), 5u);
  EXPECT_EQ(budget.used_bytes, 0u);
}

}  // namespace
}  // namespace causeway::dataplane
