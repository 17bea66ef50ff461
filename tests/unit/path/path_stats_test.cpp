#include "path/path_stats.hpp"

#include <gtest/gtest.h>

namespace causeway::path {
namespace {

TEST(PathStats, KnowsNothingAtFirst) {
  const PathStats stats;
  EXPECT_FALSE(stats.measurements().rtt);
  EXPECT_FALSE(stats.measurements().jitter);
  EXPECT_EQ(stats.measurements().probes, 0u);
}

TEST(PathStats, SmoothsAsRfc6298) {
  PathStats stats;
  stats.on_answer(80ms);
  EXPECT_EQ(stats.measurements().rtt, 80ms);
  EXPECT_EQ(stats.measurements().jitter, 40ms);
  stats.on_answer(160ms);
  EXPECT_EQ(stats.measurements().rtt, 90ms);
  EXPECT_EQ(stats.measurements().jitter, 50ms);
}

TEST(PathStats, LossIsTheShareOfTheNewest32) {
  PathStats stats;
  for (int i = 0; i < 3; ++i)
    stats.on_answer(10ms);
  stats.on_loss();
  EXPECT_DOUBLE_EQ(stats.measurements().loss, 0.25);
  EXPECT_EQ(stats.losses_in_a_row(), 1u);
  for (int i = 0; i < 32; ++i)
    stats.on_answer(10ms);
  EXPECT_DOUBLE_EQ(stats.measurements().loss, 0);
  EXPECT_EQ(stats.losses_in_a_row(), 0u);
}

TEST(PathStats, RemembersOverADisconnect) {
  PathStats stats;
  stats.on_answer(10ms);
  stats.on_loss();
  stats.on_disconnect();
  EXPECT_EQ(stats.measurements().disconnects, 1u);
  EXPECT_EQ(stats.measurements().rtt, 10ms);
  EXPECT_EQ(stats.losses_in_a_row(), 0u);
}

TEST(PathStats, RoundTripsThatNobodyCanHaveAreNotMeasured) {
  PathStats stats;
  stats.on_answer(0ns);
  stats.on_answer(-5ms);
  EXPECT_FALSE(stats.measurements().rtt) << "a relay that claims to need no time must not win by it";
  EXPECT_EQ(stats.measurements().probes, 2u);
  stats.on_answer(30us);
  EXPECT_EQ(stats.measurements().rtt, 30us);
}

TEST(PathStats, ProbesOfTheDataPathDoNotSpeakForIce) {
  PathStats stats;
  stats.on_loss();
  stats.on_data_answer(10ms);
  EXPECT_EQ(stats.losses_in_a_row(), 1u);
  stats.on_data_loss();
  EXPECT_EQ(stats.losses_in_a_row(), 1u);
  EXPECT_EQ(stats.measurements().probes, 3u);
}

}  // namespace
}  // namespace causeway::path
