#include "daemon/suspend_watch.hpp"

#include <gtest/gtest.h>

namespace causeway::daemon {
namespace {

TEST(SuspendDetector, TellsHowLongTheMachineSlept) {
  SuspendDetector detector;
  EXPECT_EQ(detector.observe(5000s, 1000s), std::nullopt) << "the sleeps before are nobody's business";
  EXPECT_EQ(detector.observe(5010s, 1010s), std::nullopt) << "awake";
  EXPECT_EQ(detector.observe(8620s, 1020s), 3600s);
  EXPECT_EQ(detector.observe(8621s, 1021s), std::nullopt) << "told once";
}

TEST(SuspendDetector, TheTimeBetweenTwoReadingsIsNoSleep) {
  SuspendDetector detector;
  detector.observe(1000s, 1000s);
  EXPECT_EQ(detector.observe(1010s, 1009s + 900ms), std::nullopt);
  EXPECT_EQ(detector.observe(1020s, 1020s), std::nullopt) << "nor backwards";
}

TEST(SuspendWatch, IsQuietWhileNobodySetsTheClock) {
  auto watch = SuspendWatch::open();
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_GE(watch->descriptor(), 0);
  EXPECT_EQ(watch->take(), std::nullopt);
}

}  // namespace
}  // namespace causeway::daemon
