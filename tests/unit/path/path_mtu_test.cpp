#include "path/path_mtu.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"

namespace causeway::path {
namespace {

/// A path that carries `carries` bytes, with a round trip of 20 ms.
struct Link {
  PathMtu mtu;
  std::uint16_t carries;
  double loss = 0;
  SteadyTime now{1000s};
  SeededRandom random{1};
  std::vector<std::pair<SteadyTime, std::uint16_t>> answers = {};
  std::size_t probes = 0, bytes = 0;

  void run_for(Duration span) {
    const SteadyTime end = now + span;
    while (now < end) {
      bool changed = false;
      for (const std::uint16_t size : mtu.due(100ms, now, &changed)) {
        ++probes, bytes += size;
        const bool is_lost = static_cast<double>(random.below(1000)) < loss * 1000;
        if (size <= carries && !is_lost) answers.emplace_back(now + 20ms, size);
      }
      SteadyTime next = std::min(end, mtu.next_timeout().value_or(end));
      for (const auto& answer : answers)
        next = std::min(next, answer.first);
      now = std::max(next, now + 1us);
      std::erase_if(answers, [&](const auto& answer) {
        if (answer.first > now) return false;
        mtu.on_answer(answer.second, now);
        return true;
      });
    }
  }
};

TEST(PathMtu, IsWhatTheNicSaysUntilSomethingIsKnown) {
  PathMtu mtu(1500);
  EXPECT_EQ(mtu.mtu(), 1500);
  EXPECT_FALSE(mtu.is_proven());
  EXPECT_FALSE(mtu.next_timeout());
  EXPECT_EQ(PathMtu(65535).mtu(), 9000) << "nobody's link; loopback says so";
  EXPECT_EQ(PathMtu(68).mtu(), 576);
}

TEST(PathMtu, AWholeLinkIsKnownAfterOneRoundTrip) {
  Link link{PathMtu(1500), 1500};
  link.mtu.search(link.now);
  link.run_for(25ms);
  EXPECT_EQ(link.mtu.mtu(), 1500);
  EXPECT_TRUE(link.mtu.is_proven());
  EXPECT_FALSE(link.mtu.is_searching());
  EXPECT_LE(link.bytes, 20'000u);
  link.run_for(1h);
  EXPECT_LE(link.probes, 12u) << "nothing more to find out";
}

class Underlay : public ::testing::TestWithParam<std::uint16_t> {};

TEST_P(Underlay, IsFoundWithinASecond) {
  Link link{PathMtu(1500), GetParam()};
  link.mtu.search(link.now);
  link.run_for(110ms);
  EXPECT_LE(link.mtu.mtu(), GetParam()) << "one round, and nothing is lost any more";
  link.run_for(900ms);
  EXPECT_LE(link.mtu.mtu(), GetParam());
  EXPECT_GE(link.mtu.mtu(), GetParam() < 1006 ? 576 : GetParam() - 60);
  EXPECT_FALSE(link.mtu.is_searching());
}

INSTANTIATE_TEST_SUITE_P(Sizes, Underlay,
                         ::testing::Values(1500, 1492, 1480, 1450, 1420, 1400, 1380, 1300, 1280, 1000, 600));

TEST(PathMtu, IsFoundDespiteLoss) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Link link{PathMtu(1500), 1400, 0.3};
    link.random = SeededRandom(seed);
    link.mtu.search(link.now);
    link.run_for(30s);
    EXPECT_LE(link.mtu.mtu(), 1400) << seed;
    EXPECT_GE(link.mtu.mtu(), 1280) << seed;
  }
}

TEST(PathMtu, ADecreaseIsFoundFromTheSuspicion) {
  Link link{PathMtu(1500), 1500};
  link.mtu.search(link.now);
  link.run_for(1s);
  link.carries = 1400;
  link.mtu.suspect(link.now);
  link.run_for(110ms);
  EXPECT_EQ(link.mtu.mtu(), 1400);
}

TEST(PathMtu, AFalseSuspicionChangesNothing) {
  Link link{PathMtu(1500), 1500};
  link.mtu.search(link.now);
  link.run_for(1s);
  link.mtu.suspect(link.now);
  EXPECT_EQ(link.mtu.mtu(), 1500);
  link.run_for(1s);
  EXPECT_EQ(link.mtu.mtu(), 1500);
}

TEST(PathMtu, AnIncreaseIsFoundAfterTenMinutes) {
  Link link{PathMtu(1500), 1400};
  link.mtu.search(link.now);
  link.run_for(1s);
  ASSERT_EQ(link.mtu.mtu(), 1400);
  link.carries = 1500;
  link.run_for(PathMtu::kRaiseAfter - 2s);
  EXPECT_EQ(link.mtu.mtu(), 1400);
  link.run_for(3s);
  EXPECT_EQ(link.mtu.mtu(), 1500);
}

TEST(PathMtu, WithoutAnyAnswerTheNicsWordStaysAndItIsTriedAgain) {
  Link link{PathMtu(1500), 0};
  link.mtu.search(link.now);
  link.run_for(1s);
  EXPECT_EQ(link.mtu.mtu(), 1500);
  EXPECT_FALSE(link.mtu.is_proven());
  const std::size_t probes = link.probes;
  link.run_for(60s);
  EXPECT_GT(link.probes, probes);
  EXPECT_LT(link.probes, 500u) << "ever more seldom";
  link.carries = 1480;
  link.run_for(20s);
  EXPECT_EQ(link.mtu.mtu(), 1480);
}

TEST(PathMtu, FollowsTheNic) {
  Link link{PathMtu(1500), 9000};
  link.mtu.search(link.now);
  link.run_for(1s);
  link.mtu.set_ceiling(9000, link.now);
  EXPECT_EQ(link.mtu.mtu(), 1500) << "not before it is proven";
  link.run_for(1s);
  EXPECT_EQ(link.mtu.mtu(), 9000);
  link.mtu.set_ceiling(1400, link.now);
  EXPECT_EQ(link.mtu.mtu(), 1400);
}

TEST(PathMtu, AnswersToSizesThatWereNeverAskedForRaiseNothingBeyondTheNic) {
  PathMtu mtu(1400);
  EXPECT_FALSE(mtu.on_answer(1500, SteadyTime{1s}));
  EXPECT_EQ(mtu.mtu(), 1400);
}

}  // namespace
}  // namespace causeway::path
