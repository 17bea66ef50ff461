#include "path/path_watch.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "base/random.hpp"
#include "path/path_stats.hpp"

namespace causeway::path {
namespace {

using Size = PathWatch::Size;
using Verdict = PathWatch::Verdict;

/// One path of the lab as a probe and its answer meet it.
struct Link {
  Duration rtt = 20ms;
  double loss = 0;  ///< each way
  bool is_cut = false;
  bool loses_data_sized = false;
};

/// A watch in virtual time: path 1 carries the traffic of an application, 2 is warm. What the application
/// sends is echoed as TCP does: while echoes come it sends every 5 ms, then it waits for its timer, 200 ms
/// and doubling.
struct Lab : ::testing::Test {
  PathWatch watch;
  std::map<PathWatch::PathId, Link> links{{1, {}}, {2, {}}};
  SteadyTime now{1000s};
  SeededRandom random{1};
  PathStats stats;
  PathWatch::Traffic traffic;
  bool is_sending = true;
  bool is_one_way = false;
  Duration interval = 5ms;
  std::multimap<SteadyTime, std::function<void()>> coming;
  SteadyTime next_send = now, rto_from = now, next_look = now;
  Duration rto = 200ms;
  std::map<Verdict, SteadyTime> verdicts;
  std::optional<SteadyTime> companion_since;
  std::size_t probes = 0, trials = 0;
  bool was_on_trial = false;
  std::function<bool()> is_starved = [] { return false; };  ///< our control thread does not run

  void SetUp() override {
    for (int i = 0; i < 20; ++i)
      stats.on_answer(links[1].rtt);
    watch.watch(1, true, now);
    watch.set_others({2});
  }
  bool is_lost(const Link& link) { return static_cast<double>(random.below(10'000)) < link.loss * 10'000; }
  bool passes(const Link& link, Size size) {
    return !link.is_cut && !(link.loses_data_sized && size == Size::data) && !is_lost(link) && !is_lost(link);
  }
  void after(Duration delay, std::function<void()> what) { coming.emplace(now + delay, std::move(what)); }

  void send_data() {
    traffic.sent = now;
    traffic.bytes_sent += 1400;
    Link& link = links[1];
    if (is_one_way || !passes(link, Size::data)) return;
    after(link.rtt, [this] {
      traffic.arrived = now;
      rto_from = now;
      rto = 200ms;
    });
  }
  void run_for(Duration span) {
    for (const SteadyTime end = now + span; now < end; now += 1ms) {
      while (!coming.empty() && coming.begin()->first <= now && !is_starved()) {
        const auto what = coming.begin()->second;
        coming.erase(coming.begin());
        what();
      }
      if (is_sending && now >= next_send) {
        const bool is_flowing = is_one_way || now - rto_from < 150ms;
        if (is_flowing) {
          send_data();
          next_send = now + interval;
        } else if (now - rto_from >= rto) {
          rto *= 2;
          rto_from = now;
          send_data();
          next_send = now + 100ms;
        }
      }
      if (!is_starved()) look();
    }
  }
  void look() {
    const auto due = watch.next_timeout();
    if (now < next_look && !(due && *due <= now)) return;
    if (now >= next_look) next_look = now + 200ms;
    const Measurements& measured = stats.measurements();
    watch.set_timing({measured.rtt, measured.jitter});
    watch.on_traffic(traffic, now);
    const Verdict verdict = watch.on_timeout(now);
    if (verdict != Verdict::none) verdicts.try_emplace(verdict, now);
    while (const auto wish = watch.poll_probe()) {
      ++probes;
      Link& link = links[wish->path];
      if (!passes(link, wish->size)) continue;
      after(link.rtt, [this, wish = *wish, sent = now] {
        if (wish.path == 1 && wish.size == Size::data) stats.on_data_answer(now - sent);
        watch.on_answer(wish.path, wish.size, sent, now);
      });
    }
    if (watch.companion() && !companion_since) companion_since = now;
    if (!watch.companion()) companion_since.reset();
    trials += watch.is_on_trial() && !was_on_trial;
    was_on_trial = watch.is_on_trial();
  }
};

TEST_F(Lab, TrafficThatIsAnsweredNeedsNoTrial) {
  run_for(20s);
  EXPECT_TRUE(verdicts.empty());
  EXPECT_EQ(trials, 0u);
  EXPECT_LE(probes, 42u) << "a sample each half second";
}

TEST_F(Lab, NothingToDoWithoutTraffic) {
  is_sending = false;
  run_for(60s);
  EXPECT_EQ(probes, 0u);
}

TEST_F(Lab, ASilentCutIsFoundWithinHalfASecond) {
  for (int round = 0; round < 40; ++round) {
    run_for(2s + std::chrono::milliseconds(random.below(200)));
    links[1].is_cut = true;
    const SteadyTime cut = now;
    run_for(800ms);
    ASSERT_TRUE(verdicts.contains(Verdict::dead));
    EXPECT_LT(verdicts.at(Verdict::dead) - cut, 650ms);
    EXPECT_FALSE(verdicts.contains(Verdict::all_dead));
    ASSERT_TRUE(companion_since);
    EXPECT_LT(*companion_since - cut, 130ms) << "the first repetition of TCP goes by both";
    links[1].is_cut = false;
    verdicts.clear();
    rto_from = now;
    watch.watch(2, true, now);
    watch.watch(1, true, now);
    watch.set_others({2});
  }
}

class RoundTrip : public Lab, public ::testing::WithParamInterface<int> {};

TEST_P(RoundTrip, ASilentCutIsFoundAfterAFewOfThem) {
  const Duration rtt = std::chrono::milliseconds(GetParam());
  links[1].rtt = links[2].rtt = rtt;
  stats = {};
  for (int i = 0; i < 20; ++i)
    stats.on_answer(rtt);
  run_for(3s);
  ASSERT_TRUE(verdicts.empty());
  links[1].is_cut = true;
  const SteadyTime cut = now;
  run_for(3s);
  ASSERT_TRUE(verdicts.contains(Verdict::dead));
  EXPECT_LT(verdicts.at(Verdict::dead) - cut, std::max<Duration>(650ms, 9 * rtt));
}

INSTANTIATE_TEST_SUITE_P(Milliseconds, RoundTrip, ::testing::Values(1, 5, 20, 50, 100, 200));

TEST_F(Lab, SmallProbesThatPassProveNothing) {
  run_for(2s);
  links[1].loses_data_sized = true;
  run_for(1s);
  EXPECT_TRUE(verdicts.contains(Verdict::size_lost));
  EXPECT_FALSE(verdicts.contains(Verdict::dead)) << "a smaller size may help";
}

TEST_F(Lab, SmallProbesThatPassProveNothingWhereNothingIsSmaller) {
  watch.watch(std::nullopt, false, now);
  watch.watch(1, false, now);
  run_for(2s);
  links[1].loses_data_sized = true;
  run_for(1s);
  EXPECT_TRUE(verdicts.contains(Verdict::dead));
}

/// A ping goes on beside the bulk data that is lost.
TEST_F(Lab, LossOfDataIsSeenBesideSmallPacketsThatPass) {
  watch.watch(std::nullopt, false, now);
  watch.watch(1, false, now);
  run_for(2s);
  links[1].loses_data_sized = true;
  const SteadyTime cut = now;
  is_one_way = true;
  for (int i = 0; i < 60; ++i) {
    run_for(50ms);
    traffic.arrived = now;
  }
  ASSERT_TRUE(verdicts.contains(Verdict::dead));
  EXPECT_LT(verdicts.at(Verdict::dead) - cut, 2500ms);
  EXPECT_FALSE(verdicts.contains(Verdict::all_dead));
}

TEST_F(Lab, NothingLeftIsSaidSoAfterASecond) {
  run_for(2s);
  links[1].is_cut = links[2].is_cut = true;
  const SteadyTime cut = now;
  run_for(3s);
  EXPECT_FALSE(verdicts.contains(Verdict::dead));
  ASSERT_TRUE(verdicts.contains(Verdict::all_dead));
  EXPECT_LT(verdicts.at(Verdict::all_dead) - cut, 1600ms);
}

TEST_F(Lab, WithoutAnOtherPathAMomentOfSilenceChangesNothing) {
  watch.set_others({});
  run_for(2s);
  for (int i = 0; i < 20; ++i) {
    links[1].is_cut = true;
    run_for(900ms);
    links[1].is_cut = false;
    run_for(2s);
  }
  EXPECT_TRUE(verdicts.empty());
}

class Loss : public Lab, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(Loss, IsNoCut) {
  random = SeededRandom(GetParam());
  links[1].loss = GetParam() % 2 ? 0.1 : 0.2;
  run_for(120s);
  EXPECT_FALSE(verdicts.contains(Verdict::dead));
  EXPECT_FALSE(verdicts.contains(Verdict::all_dead));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Loss, ::testing::Range<std::uint64_t>(1, 31));

TEST_F(Lab, AJumpOfTheRoundTripIsNoCut) {
  links[1].rtt = 10ms;
  for (int round = 0; round < 20; ++round) {
    stats = {};
    for (int i = 0; i < 20; ++i)
      stats.on_answer(10ms);
    run_for(3s + std::chrono::milliseconds(random.below(100)));
    links[1].rtt = 300ms;
    run_for(5s);
    links[1].rtt = 10ms;
  }
  EXPECT_TRUE(verdicts.empty());
}

TEST_F(Lab, AMachineThatDoesNotRunLosesNothing) {
  const SteadyTime begin = now;
  is_starved = [&] { return (now - begin) % 1500ms > 700ms; };
  run_for(60s);
  EXPECT_TRUE(verdicts.empty());
}

TEST_F(Lab, APeerThatDoesNotRunLosesNothing) {
  run_for(2s);
  for (int round = 0; round < 20; ++round) {
    links[1].is_cut = links[2].is_cut = true;
    run_for(700ms);
    links[1].is_cut = links[2].is_cut = false;
    run_for(1s);
  }
  EXPECT_TRUE(verdicts.empty()) << "the other path did not answer either";
}

TEST_F(Lab, AStreamInOneDirectionIsProbedAndItsCutFound) {
  is_one_way = true;
  run_for(10s);
  EXPECT_TRUE(verdicts.empty());
  EXPECT_LE(probes, 60u) << "six a second";
  links[1].is_cut = true;
  const SteadyTime cut = now;
  run_for(1s);
  ASSERT_TRUE(verdicts.contains(Verdict::dead));
  EXPECT_LT(verdicts.at(Verdict::dead) - cut, 800ms);
  ASSERT_TRUE(companion_since);
  EXPECT_LT(*companion_since - cut, 450ms);
}

TEST_F(Lab, APingEachSecondNeedsNoTrial) {
  is_sending = false;
  for (int i = 0; i < 20; ++i) {
    send_data();
    run_for(1s);
  }
  EXPECT_EQ(trials, 0u);
}

TEST_F(Lab, DoubtsOfIceArePutToTheTrialWithoutTraffic) {
  is_sending = false;
  run_for(1s);
  watch.on_doubt(now);
  run_for(1s);
  EXPECT_TRUE(verdicts.empty());
  EXPECT_EQ(trials, 1u);
  links[1].is_cut = true;
  watch.on_doubt(now);
  run_for(1s);
  EXPECT_TRUE(verdicts.contains(Verdict::dead));
}

TEST_F(Lab, AnAnswerToAProbeOfBeforeTheTrialDoesNotVouchForAnotherPath) {
  links[1].is_cut = links[2].is_cut = true;
  watch.on_answer(2, Size::data, now, now);
  run_for(1100ms);
  EXPECT_FALSE(verdicts.contains(Verdict::dead));
}

TEST_F(Lab, ProbesAreFewEvenWhenNothingAnswers) {
  run_for(1s);
  probes = 0;
  links[1].is_cut = links[2].is_cut = true;
  run_for(10s);
  EXPECT_LT(probes, 250u);
}

}  // namespace
}  // namespace causeway::path
