// plugins/priority-history as the daemon runs it. Its formula is in its README; here is what it must never
// do, and what people read of it.
#include <algorithm>
#include <limits>

#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

constexpr std::uint64_t kDirect = 0x7e0000ff7e0000ff, kOther = 0x7e0000fe7e0000ff,
                        kRelay = 0x00fffffe02000000;

class PriorityHistory : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = world_.host().load(shipped_plugin("priority-history"), world_.now());
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(world_.host().use({{"priority-history"}}, world_.now()));
  }
  /// Scores in the order of the paths.
  std::vector<std::int64_t> scores(std::vector<path::PathView> paths) {
    std::vector<std::int64_t> scores;
    for (const path::Score& score : world_.score("peer", std::move(paths)).scores) {
      EXPECT_GE(score.score, 0);
      EXPECT_LE(score.score, 1'000'000);
      EXPECT_FALSE(score.vetoed);
      EXPECT_FALSE(score.reason.empty());
      scores.push_back(score.score);
    }
    EXPECT_EQ(world_.row("priority-history")->faults, 0U);
    return scores;
  }
  HostWorld world_;
};

path::PathView measured(std::uint32_t id, std::uint64_t priority, Duration rtt, double loss,
                        std::uint32_t probes = 32) {
  path::PathView path = make_path(id, priority);
  path.measured = {.rtt = rtt, .jitter = rtt / 20, .loss = loss, .probes = probes, .disconnects = 0};
  return path;
}

path::PathView relayed(path::PathView path) {
  path.local.type = ice::CandidateType::relayed;
  return path;
}

path::History past(Duration rtt, double loss, Duration ago = 0s) {
  return {.rtt = rtt,
          .jitter = rtt / 20,
          .loss = loss,
          .rate_bytes_per_s = {},
          .samples = 1000,
          .successes = 10,
          .working_time = 2h,
          .last_used_ago = ago};
}

TEST_F(PriorityHistory, KeepsTheOrderOfIceWhereNothingIsKnown) {
  const auto given = scores({make_path(1, kRelay), make_path(2, kDirect), make_path(3, kOther)});
  EXPECT_EQ(given, (std::vector<std::int64_t>{333'333, 1'000'000, 666'666}));
}

TEST_F(PriorityHistory, ManyUnknownPathsKeepTheOrderOfIce) {
  std::vector<path::PathView> paths;
  for (std::uint32_t i = 0; i < 500; ++i)
    paths.push_back(make_path(i, i * 0x0000000100000001ULL));
  const auto given = scores(paths);
  EXPECT_TRUE(std::is_sorted(given.begin(), given.end()));
  EXPECT_LT(given.front(), given.back());
}

TEST_F(PriorityHistory, ACleanRelayBeatsALossyDirectPath) {
  const auto given = scores({measured(1, kDirect, 20ms, 0.1), relayed(measured(2, kRelay, 30ms, 0.0))});
  EXPECT_GT(given[1], given[0] + 20'000) << "by more than the margin of the selection";
}

TEST_F(PriorityHistory, RelaysAndDirectPathsAreMeasuredAlike) {
  const auto given = scores({measured(1, kDirect, 20ms, 0.01), relayed(measured(2, kDirect, 20ms, 0.01))});
  EXPECT_EQ(given[0], given[1]);
}

TEST_F(PriorityHistory, JitterCounts) {
  auto shaky = measured(1, kDirect, 36ms, 0);
  shaky.measured.jitter = 25ms;
  const auto given = scores({shaky, measured(2, kOther, 40ms, 0)});
  EXPECT_LT(given[0], given[1]);
}

TEST_F(PriorityHistory, ASecondProbeIsNotTakenForJitter) {
  // RFC 6298 begins with half of the round trip.
  auto fresh = measured(1, kDirect, 40ms, 0, 1);
  fresh.measured.jitter = 20ms;
  const auto given = scores({fresh, measured(2, kOther, 60ms, 0, 32)});
  EXPECT_GT(given[0], given[1]);
}

TEST_F(PriorityHistory, HistoryDecidesWhereLittleWasMeasured) {
  auto once_bad = measured(1, kDirect, 20ms, 0, 1);
  once_bad.history = past(20ms, 0.15);
  auto once_good = measured(2, kOther, 24ms, 0, 1);
  once_good.history = past(24ms, 0);
  const auto given = scores({once_bad, once_good});
  EXPECT_LT(given[0], given[1]);
}

TEST_F(PriorityHistory, StaleHistoryFades) {
  const auto score_after = [&](Duration ago) {
    auto bad = measured(1, kDirect, 20ms, 0, 4);
    bad.history = past(20ms, 0.06, ago);
    bad.history->samples = 8;
    return scores({bad})[0];
  };
  EXPECT_LT(score_after(0s), score_after(24h * 8));
  EXPECT_LT(score_after(24h * 8), score_after(24h * 365));
  const auto without = scores({measured(1, kDirect, 20ms, 0, 4)})[0];
  EXPECT_NEAR(static_cast<double>(score_after(24h * 365)), static_cast<double>(without), 2.0);
}

TEST_F(PriorityHistory, ThePastOfANearPathWeighsLess) {
  auto path = measured(1, kDirect, 20ms, 0, 4);
  path.history = past(20ms, 0.06);
  path.history->samples = 8;
  const auto same = scores({path});
  path.history->scope = path::History::Scope::near;
  EXPECT_LT(same[0], scores({path})[0]);
}

TEST_F(PriorityHistory, DisconnectsCount) {
  auto steady = measured(1, kDirect, 20ms, 0);
  steady.history = past(20ms, 0);
  auto breaking = steady;
  breaking.id = 2;
  breaking.history->disconnects = 12;
  const auto given = scores({steady, breaking});
  EXPECT_GT(given[0], given[1]);
}

TEST_F(PriorityHistory, HintsCountAsLongAsLittleWasMeasured) {
  const auto difference = [&](std::uint32_t probes) {
    auto praised = measured(1, kDirect, 20ms, 0, probes), blamed = measured(2, kDirect, 20ms, 0, probes);
    praised.hint = path::Hint{1'000'000, 1000};
    blamed.hint = path::Hint{0, 1000};
    const auto given = scores({praised, blamed});
    return given[0] - given[1];
  };
  EXPECT_GT(difference(1), 0);
  EXPECT_LT(difference(200), difference(1) / 10);
}

TEST_F(PriorityHistory, AHintAloneNeverBeatsAMeasurementByFar) {
  auto praised = measured(1, kDirect, 200ms, 0.05, 1);
  praised.hint = path::Hint{1'000'000, 1000};
  auto blamed = measured(2, kOther, 20ms, 0, 1);
  blamed.hint = path::Hint{0, 1000};
  const auto given = scores({praised, blamed});
  EXPECT_LT(given[0], given[1]);
}

// ---- figures that nobody should believe ----

TEST_F(PriorityHistory, ARoundTripOfNothingDoesNotWin) {
  for (const Duration claimed : {Duration(0), Duration(1), Duration(-5), Duration(INT64_MIN)}) {
    auto liar = relayed(measured(1, kRelay, claimed, 0));
    liar.measured.jitter = claimed;
    const auto given = scores({liar, measured(2, kDirect, 30ms, 0)});
    EXPECT_LT(given[0], given[1]) << claimed.count();
  }
}

TEST_F(PriorityHistory, AnUnmeasuredPathDoesNotBeatAGoodOne) {
  const auto given = scores({make_path(1, kDirect), measured(2, kRelay, 80ms, 0.01)});
  EXPECT_LT(given[0], given[1]);
}

TEST_F(PriorityHistory, AbsurdFiguresStayInRange) {
  auto absurd = measured(1, kDirect, Duration::max(), std::numeric_limits<double>::infinity(), UINT32_MAX);
  absurd.measured.disconnects = UINT32_MAX;
  absurd.history = path::History{.rtt = Duration::max(),
                                 .jitter = Duration::max(),
                                 .loss = -1.0,
                                 .rate_bytes_per_s = UINT64_MAX,
                                 .samples = 4e9,
                                 .successes = 4e9,
                                 .failures = 4e9,
                                 .disconnects = 4e9,
                                 .working_time = Duration(0),
                                 .last_used_ago = Duration::max()};
  absurd.hint = path::Hint{std::numeric_limits<std::int64_t>::max(), UINT32_MAX};
  auto negative = measured(2, kOther, Duration::min(), -1, 0);
  negative.history = past(Duration::min(), 2, Duration::min());
  negative.hint = path::Hint{std::numeric_limits<std::int64_t>::min(), 0};
  const auto given = scores({absurd, negative, measured(3, kRelay, 50ms, 0)});
  EXPECT_LT(given[0], given[2]);
  EXPECT_LT(given[1], given[2]);
}

TEST_F(PriorityHistory, TheSameQuestionHasTheSameAnswer) {
  std::vector<path::PathView> paths{measured(1, kDirect, 20ms, 0.03), measured(2, kRelay, 31ms, 0)};
  paths[0].history = past(25ms, 0.02, 3h);
  const auto before = scores(paths);
  scores({measured(9, kOther, 1s, 0.5)});
  EXPECT_EQ(scores(paths), before);
}

// ---- the last minutes ----

/// A path in use for a while, as the store and the host see it: three probes a second.
path::PathView used(unsigned seconds, double loss_in_window, double losses_ever) {
  auto path = measured(1, kDirect, 20ms, loss_in_window, 3 * seconds);
  path.history = past(20ms, losses_ever / (1000 + 3 * seconds));
  path.history->samples = 1000 + 3 * seconds;
  return path;
}

TEST_F(PriorityHistory, ALossyMomentWeighsLessAfterACleanMinute) {
  for (unsigned second = 1; second <= 60; ++second) {
    scores({used(second, 0, 0)});
    world_.advance(1s);
  }
  // Three of the last probes were lost.
  const auto after_a_minute = scores({used(61, 3.0 / 32, 3)});
  const auto at_once = scores({measured(2, kDirect, 20ms, 3.0 / 32)});
  EXPECT_GT(after_a_minute[0], at_once[0] + 20'000);
}

TEST_F(PriorityHistory, LossesThatLastAreBelieved) {
  std::vector<std::int64_t> given;
  for (unsigned second = 1; second <= 120; ++second) {
    const double lost = second <= 60 ? 0 : 0.3 * (second - 60);
    given.push_back(scores({used(second, second <= 60 ? 0 : 0.1, lost)})[0]);
    world_.advance(1s);
  }
  EXPECT_LT(given[119], given[59] - 60'000);
  EXPECT_LT(given[119], given[69]);
}

TEST_F(PriorityHistory, AReloadKeepsWhatWasLearnt) {
  for (unsigned second = 1; second <= 30; ++second) {
    scores({used(second, 0, 0)});
    world_.advance(1s);
  }
  const auto before = scores({used(31, 3.0 / 32, 3)});
  ASSERT_TRUE(world_.host().reload("priority-history", world_.now()));
  EXPECT_EQ(scores({used(31, 3.0 / 32, 3)}), before);
  EXPECT_EQ(world_.row("priority-history")->generation, 2U);
}

TEST_F(PriorityHistory, MorePeersThanItRemembersAreNoFault) {
  for (int i = 0; i < 600; ++i) {
    const auto ranking = world_.score("peer" + std::to_string(i), {measured(1, kDirect, 20ms, 0.01)});
    ASSERT_EQ(ranking.stack, "priority-history");
    world_.advance(1ms);
  }
  EXPECT_TRUE(world_.host().reload("priority-history", world_.now()));
  EXPECT_EQ(world_.row("priority-history")->faults, 0U);
}

// ---- people ----

TEST_F(PriorityHistory, SaysWhy) {
  auto path = measured(1, kDirect, 30ms, 0, 40);
  path.history = past(30ms, 0);
  const auto ranking = world_.score("peer", {path, make_path(2, kRelay)});
  EXPECT_THAT(
      ranking.scores[0].reason,
      ::testing::MatchesRegex("about [0-9]+ ms: round trip 30.0 ms, jitter [0-9.]+ ms, loss [0-9.]+ % "
                              "\\(40 probes, 1000 remembered\\)"));
  EXPECT_EQ(ranking.scores[1].reason, "nothing measured or remembered, place 2 by ICE");
  EXPECT_EQ(ranking.ask_again_after, Duration(1s));
}

TEST_F(PriorityHistory, ParametersChangeTheFormula) {
  const std::vector<path::PathView> paths{measured(1, kDirect, 20ms, 0.08),
                                          relayed(measured(2, kRelay, 45ms, 0.0))};
  world_.host().set_parameters({{"priority-history", R"({"loss_ms": 0})"}});
  auto given = scores(paths);
  EXPECT_GT(given[0], given[1]);
  world_.host().set_parameters({});
  given = scores(paths);
  EXPECT_LT(given[0], given[1]);
}

TEST_F(PriorityHistory, WrongParametersAreBoundedOrLeftOut) {
  const std::vector<path::PathView> paths{measured(1, kDirect, 20ms, 0.08), measured(2, kRelay, 45ms, 0.0)};
  const auto usual = scores(paths);
  for (const char* wrong :
       {"[]", "{", R"({"loss_ms": "much"})", R"({"no such": 1})", R"({"loss_ms": null})"}) {
    world_.host().set_parameters({{"priority-history", wrong}});
    EXPECT_EQ(scores(paths), usual) << wrong;
  }
  world_.host().set_parameters(
      {{"priority-history", R"({"loss_ms": 1e300, "scale_ms": -1e300, "order_ms": -5})"}});
  const auto bounded = scores(paths);
  EXPECT_LT(bounded[0], bounded[1]);
}

}  // namespace
}  // namespace causeway::plugin
