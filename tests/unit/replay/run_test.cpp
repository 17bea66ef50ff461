#include "replay/run.hpp"

#include <gtest/gtest.h>

#include "unit/replay/traces.hpp"

namespace causeway::replay::test {
namespace {

/// Whatever a test wants to be thought of a path.
class FixedScorer final : public Scorer {
 public:
  std::map<std::uint32_t, std::int64_t> scores;
  unsigned asked = 0;
  std::optional<std::uint32_t> seen_selected;

  std::vector<path::Score> score(const Step&, std::vector<path::PathView> paths) override {
    ++asked;
    std::vector<path::Score> answer;
    for (const path::PathView& view : paths) {
      if (view.is_selected) seen_selected = view.id;
      answer.push_back({.id = view.id, .score = scores[view.id], .vetoed = false, .reason = "as told"});
    }
    return answer;
  }
};

Totals run_of(Scorer& scorer, const std::vector<Step>& steps, Duration last = 1s) {
  replay::Run run(&scorer);
  for (const Step& step : steps)
    run.on_step(step);
  run.finish(last);
  return run.totals();
}

TEST(Cost, IsRttAndFourTimesJitterAndTwentyPerPercentOfLoss) {
  EXPECT_DOUBLE_EQ(cost_of(20ms, 0ms, 0), 20);
  EXPECT_DOUBLE_EQ(cost_of(20ms, 5ms, 0), 40);
  EXPECT_DOUBLE_EQ(cost_of(20ms, 5ms, 0.03), 100);
}

TEST(Cost, IsOfTheTruthWhereItIsTold) {
  Step step = second(0, {a_pair(1, 20ms), a_pair(2)});
  step.pairs[0].truth->rtt = 300ms;
  step.pairs[1].truth = Truth{.is_valid = false};
  const auto prices = price(step);
  EXPECT_DOUBLE_EQ(prices[0].cost, 300);
  EXPECT_FALSE(prices[1].is_valid);
  EXPECT_DOUBLE_EQ(prices[1].cost, kNoDataCost);
}

TEST(Cost, IsOfTheMeasurementsElse) {
  Step step = second(0, {a_pair(1, 20ms, 1ms, 0.01), a_pair(2, 5ms), a_pair(3)});
  for (Pair& pair : step.pairs)
    pair.truth.reset();
  step.pairs[1].is_dead = true;
  const auto prices = price(step);
  EXPECT_DOUBLE_EQ(prices[0].cost, 44);
  EXPECT_FALSE(prices[1].is_valid) << "data is lost on it";
  EXPECT_DOUBLE_EQ(prices[2].cost, kNoDataCost) << "no round trip is known yet";
  EXPECT_DOUBLE_EQ(best_cost(prices), 44);
  EXPECT_DOUBLE_EQ(best_cost({}), kNoDataCost);
}

TEST(ReplayRun, CountsCostAndRegretBySecond) {
  FixedScorer scorer;
  scorer.scores = {{1, 900'000}, {2, 100'000}};
  std::vector<Step> steps;
  for (int i = 0; i < 10; ++i)
    steps.push_back(second(i, {a_pair(1, 50ms), a_pair(2, 20ms)}));
  const Totals totals = run_of(scorer, steps);
  EXPECT_EQ(totals.time, 10s);
  EXPECT_DOUBLE_EQ(totals.cost, 500);
  EXPECT_DOUBLE_EQ(totals.best, 200);
  EXPECT_DOUBLE_EQ(totals.regret(), 300);
  EXPECT_EQ(totals.switches, 0u);
  EXPECT_EQ(scorer.asked, 10u);
}

TEST(ReplayRun, ASwitchWaitsForTheDwellAndCostsThirty) {
  FixedScorer scorer;
  scorer.scores = {{1, 900'000}, {2, 100'000}};
  replay::Run run(&scorer);
  for (int i = 0; i < 20; ++i) {
    if (i == 3) scorer.scores[2] = 1'000'000;
    run.on_step(second(i, {a_pair(1, 50ms), a_pair(2, 20ms)}));
    EXPECT_EQ(scorer.seen_selected, i == 0 ? std::nullopt : std::optional(i <= 5 ? 1u : 2u)) << i;
  }
  run.finish(1s);
  EXPECT_EQ(run.totals().switches, 1u);
  EXPECT_DOUBLE_EQ(run.totals().cost, 5 * 50 + 15 * 20 + kSwitchCost);
  ASSERT_EQ(run.choices().size(), 2u);
  EXPECT_EQ(run.choices()[0].reason, path::SwitchReason::first_valid);
  EXPECT_EQ(run.choices()[1].reason, path::SwitchReason::higher_score);
  EXPECT_EQ(run.choices()[1].at.steady, at(5s).steady);
  EXPECT_EQ(run.choices()[1].why, "as told");
  EXPECT_EQ(run.choices()[1].local.address, a_pair(2).view.local.address);
}

TEST(ReplayRun, BetterByLessThanTheMarginMovesNothing) {
  FixedScorer scorer;
  scorer.scores = {{1, 500'000}, {2, 500'000}};
  replay::Run run(&scorer);
  for (int i = 0; i < 20; ++i) {
    scorer.scores[2] = 500'000 + path::kSwitchMargin - 1;
    if (i == 0) scorer.scores[2] = 0;
    run.on_step(second(i, {a_pair(1, 20ms), a_pair(2, 20ms)}));
  }
  EXPECT_EQ(run.selected("bob"), 1u);
}

TEST(ReplayRun, APathThatCarriesNothingCostsAThousandUntilItIsLeft) {
  FixedScorer scorer;
  scorer.scores = {{1, 900'000}, {2, 100'000}};
  std::vector<Step> steps;
  for (int i = 0; i < 6; ++i)
    steps.push_back(second(i, {a_pair(1, 20ms), a_pair(2, 30ms)}));
  // It dies in the third second, which is noticed in the fourth.
  for (int i = 2; i < 6; ++i)
    steps[static_cast<std::size_t>(i)].pairs[0].truth->is_valid = false;
  for (int i = 3; i < 6; ++i)
    steps[static_cast<std::size_t>(i)].pairs[0].is_dead = true;
  const Totals totals = run_of(scorer, steps);
  EXPECT_DOUBLE_EQ(totals.cost, 2 * 20 + 1000 + kSwitchCost + 3 * 30);
  EXPECT_DOUBLE_EQ(totals.best, 2 * 20 + 4 * 30);
  EXPECT_EQ(totals.without_data, 1s);
  EXPECT_EQ(totals.switches, 1u);
}

TEST(ReplayRun, WhereNobodyHasAPathNobodyRegretsAnything) {
  FixedScorer scorer;
  std::vector<Step> steps{second(0, {a_pair(1, 20ms)}), second(1, {}), second(2, {a_pair(1, 20ms)})};
  const Totals totals = run_of(scorer, steps);
  EXPECT_DOUBLE_EQ(totals.cost, 20 + 1000 + 20);
  EXPECT_DOUBLE_EQ(totals.regret(), 0);
  EXPECT_EQ(totals.switches, 0u) << "back on the path that it had is no switch";
}

TEST(ReplayRun, AnAnswerCountsWhenItArrives) {
  FixedScorer scorer;
  scorer.scores = {{1, 100'000}, {2, 900'000}};
  replay::Run run(&scorer);
  const auto step = [](StepKind kind, Duration when) {
    Step made = second(0, {a_pair(1, 20ms), a_pair(2, 20ms)});
    made.kind = kind;
    made.now = at(when);
    made.connected_since = at(0s).steady;
    if (kind == StepKind::scored || kind == StepKind::end) made.pairs.clear();
    return made;
  };
  run.on_step(step(StepKind::choose, 0ms));
  EXPECT_EQ(run.selected("bob"), 1u) << "by pair priority";
  run.on_step(step(StepKind::score, 1ms));
  run.on_step(step(StepKind::choose, 2ms));
  EXPECT_EQ(run.selected("bob"), 1u);
  run.on_step(step(StepKind::scored, 3ms));
  run.on_step(step(StepKind::choose, 3ms));
  EXPECT_EQ(run.selected("bob"), 2u);
  run.on_step(step(StepKind::end, 9ms));
  EXPECT_EQ(run.selected("bob"), std::nullopt);
}

TEST(ReplayRun, GoesOnFromWhatStoodWhenRecordingBegan) {
  FixedScorer scorer;
  scorer.scores = {{1, 900'000}, {2, 100'000}};
  replay::Run run(&scorer);
  Step begin = second(0, {a_pair(1, 20ms), a_pair(2, 20ms)});
  begin.kind = StepKind::begin;
  begin.pairs[1].score = 800'000;
  begin.connected_since = at(-9s).steady;
  begin.standing = {.selected = 2, .selected_since = at(-2s).steady, .order = {2, 1}};
  run.on_step(begin);
  EXPECT_EQ(run.selected("bob"), 2u);
  Step choose = second(1, begin.pairs);
  choose.kind = StepKind::choose;
  choose.chosen = Step::Chosen{2, path::SwitchReason::none};
  run.on_step(choose);
  EXPECT_EQ(run.selected("bob"), 2u) << "by the scores of before";
  run.on_step(second(2, begin.pairs));
  EXPECT_EQ(run.selected("bob"), 2u) << "its dwell is not over";
  run.on_step(second(3, begin.pairs));
  EXPECT_EQ(run.selected("bob"), 1u);
  EXPECT_EQ(run.totals().switches, 1u);
  EXPECT_EQ(run.comparison().compared, 1u);
  EXPECT_EQ(run.comparison().equal, 1u);
}

TEST(ReplayRun, TellsWhereItLeavesTheRecording) {
  FixedScorer scorer;
  replay::Run run(&scorer), recorded(nullptr);
  for (int i = 0; i < 4; ++i) {
    Step step = second(i, {a_pair(1, 20ms), a_pair(2, 90ms)});
    step.kind = StepKind::choose;
    step.chosen = Step::Chosen{i < 2 ? 1u : 2u, path::SwitchReason::nominated_by_peer};
    run.on_step(step);
    recorded.on_step(step);
  }
  run.finish(1s);
  recorded.finish(1s);
  EXPECT_EQ(run.comparison().compared, 4u);
  EXPECT_EQ(run.comparison().equal, 2u);
  ASSERT_TRUE(run.comparison().first_difference);
  EXPECT_EQ(run.comparison().first_difference->at.steady, at(2s).steady);
  EXPECT_EQ(run.comparison().first_difference->recorded, 2u);
  EXPECT_EQ(run.comparison().first_difference->chosen, 1u);
  EXPECT_DOUBLE_EQ(run.totals().cost, 80);
  EXPECT_DOUBLE_EQ(recorded.totals().cost, 2 * 20 + 2 * 90 + kSwitchCost);
}

TEST(ReplayRun, TheControlledEndFollowsTheRecordedNomination) {
  FixedScorer scorer;
  scorer.scores = {{1, 900'000}};
  replay::Run run(&scorer);
  Step step = second(0, {a_pair(1, 20ms), a_pair(2, 20ms)});
  step.role = ice::Role::controlled;
  step.nominated = 2;
  run.on_step(step);
  step.now = at(1s);
  run.on_step(step);
  EXPECT_EQ(run.selected("bob"), 2u);
}

TEST(ReplayRun, PeersAreKeptApart) {
  FixedScorer scorer;
  replay::Run run(&scorer);
  for (int i = 0; i < 5; ++i) {
    Step step = second(i, {a_pair(1, 10ms)});
    run.on_step(step);
    step.peer = "carol";
    step.pairs = {a_pair(1, 70ms)};
    run.on_step(step);
  }
  run.finish(1s);
  EXPECT_DOUBLE_EQ(run.peers().at("bob").cost, 50);
  EXPECT_DOUBLE_EQ(run.peers().at("carol").cost, 350);
  EXPECT_DOUBLE_EQ(run.totals().cost, 400);
}

TEST(ReplayRun, StepsOutOfOrderByAMomentCostNothing) {
  FixedScorer scorer;
  replay::Run run(&scorer);
  run.on_step(second(5, {a_pair(1, 10ms)}));
  run.on_step(second(4, {a_pair(1, 10ms)}));
  run.on_step(second(6, {a_pair(1, 10ms)}));
  EXPECT_EQ(run.totals().time, 1s);
  EXPECT_DOUBLE_EQ(run.totals().cost, 10);
}

}  // namespace
}  // namespace causeway::replay::test
