#include "path/path_selector.hpp"

#include <gtest/gtest.h>

namespace causeway::path {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

Contender scored(std::uint32_t id, std::int64_t score) { return {.id = id, .score = score}; }

Selection choose(const std::vector<Contender>& contenders, SelectorInput input = {}, SteadyTime now = kStart,
                 std::optional<SteadyTime> connected_since = kStart - std::chrono::hours(1)) {
  input.contenders = contenders;
  if (input.selected && !input.selected_since) input.selected_since = kStart - std::chrono::minutes(1);
  return select_path(input, connected_since, now);
}

TEST(PathSelector, TakesTheFirstValidPath) {
  const auto selection = choose({scored(7, 10)});
  EXPECT_EQ(selection.path, 7u);
  EXPECT_TRUE(selection.changed);
  EXPECT_EQ(selection.reason, SwitchReason::first_valid);
}

TEST(PathSelector, SaysOnceThatNothingIsLeft) {
  EXPECT_TRUE(choose({}, {.selected = 3}).changed);
  EXPECT_FALSE(choose({}).changed);
}

TEST(PathSelector, LeavesALostPathAtOnce) {
  const auto selection = choose({scored(1, 10), scored(2, 20)}, {.selected = 9, .selected_since = kStart});
  EXPECT_EQ(selection.path, 2u);
  EXPECT_EQ(selection.reason, SwitchReason::selected_lost);
}

TEST(PathSelector, ControlledSideLeavesALostPathToo) {
  const auto selection =
      choose({scored(1, 10)}, {.role = ice::Role::controlled, .selected = 9, .nominated = 9});
  EXPECT_EQ(selection.path, 1u);
}

TEST(PathSelector, StaysWithinTheMargin) {
  EXPECT_FALSE(choose({scored(1, 500'000), scored(2, 500'000 + kSwitchMargin - 1)}, {.selected = 1}).changed);
  EXPECT_EQ(choose({scored(1, 500'000), scored(2, 500'000 + kSwitchMargin)}, {.selected = 1}).path, 2u);
}

TEST(PathSelector, GivesThePathInUseItsTime) {
  const SelectorInput input{.selected = 1, .selected_since = kStart};
  const std::vector<Contender> contenders{scored(1, 0), scored(2, 900'000)};
  const auto early = choose(contenders, input, kStart + std::chrono::seconds(1));
  EXPECT_FALSE(early.changed);
  EXPECT_EQ(early.ask_again, kStart + kMinimumDwell);
  EXPECT_EQ(choose(contenders, input, kStart + kMinimumDwell).reason, SwitchReason::higher_score);
}

TEST(PathSelector, DoesNotWaitWhileTheConnectionSettles) {
  const SelectorInput input{.selected = 1, .selected_since = kStart};
  const auto selection =
      choose({scored(1, 0), scored(2, 900'000)}, input, kStart + std::chrono::milliseconds(50), kStart);
  EXPECT_EQ(selection.path, 2u);
}

TEST(PathSelector, LeavesAPathThatStoppedAnswering) {
  std::vector<Contender> contenders{scored(1, 900'000), scored(2, 0)};
  contenders[0].losses_in_a_row = kSuspectLosses;
  const auto selection = choose(contenders, {.selected = 1, .selected_since = kStart});
  EXPECT_EQ(selection.path, 2u);
  EXPECT_EQ(selection.reason, SwitchReason::selected_suspect);
  contenders[1].losses_in_a_row = kSuspectLosses;
  EXPECT_FALSE(choose(contenders, {.selected = 1}).changed) << "nowhere better to go";
}

TEST(PathSelector, EitherSideFollowsAPeerThatMoved) {
  std::vector<Contender> contenders{scored(1, 900'000), scored(2, 0)};
  contenders[0].peer_withdrew = true;
  for (const auto role : {ice::Role::controlling, ice::Role::controlled}) {
    const auto selection =
        choose(contenders, {.role = role, .selected = 1, .nominated = 1, .selected_since = kStart});
    EXPECT_EQ(selection.path, 2u) << "at once, whatever was nominated";
    EXPECT_EQ(selection.reason, SwitchReason::withdrawn);
  }
  contenders.pop_back();
  EXPECT_FALSE(choose(contenders, {.selected = 1}).changed) << "the only one is still better than none";
}

TEST(PathSelector, ControlledSideFollowsTheNomination) {
  const std::vector<Contender> contenders{scored(1, 900'000), scored(2, 0)};
  const auto selection = choose(contenders, {.role = ice::Role::controlled, .selected = 1, .nominated = 2});
  EXPECT_EQ(selection.path, 2u);
  EXPECT_EQ(selection.reason, SwitchReason::nominated_by_peer);
  EXPECT_FALSE(choose(contenders, {.role = ice::Role::controlled, .selected = 2, .nominated = 2}).changed)
      << "its own scores don't pull it away again";
  EXPECT_FALSE(choose(contenders, {.role = ice::Role::controlling, .selected = 1, .nominated = 2}).changed);
}

TEST(PathSelector, ControlledSideDoesNotReturnToASuspectNominatedPath) {
  std::vector<Contender> contenders{scored(1, 0), scored(2, 0)};
  contenders[1].losses_in_a_row = kSuspectLosses;
  EXPECT_FALSE(choose(contenders, {.role = ice::Role::controlled, .selected = 1, .nominated = 2}).changed);
}

TEST(PathSelector, VetoMovesTrafficUnlessAllAreVetoed) {
  std::vector<Contender> contenders{scored(1, 900'000), scored(2, 0)};
  contenders[0].vetoed = true;
  EXPECT_EQ(choose(contenders, {.selected = 1, .selected_since = kStart}).reason, SwitchReason::vetoed);
  contenders[1].vetoed = true;
  EXPECT_FALSE(choose(contenders, {.selected = 1}).changed);
}

TEST(PathSelector, TiesGoToPairPriorityThenAge) {
  std::vector<Contender> contenders{scored(2, 5), scored(1, 5)};
  EXPECT_EQ(choose(contenders).path, 1u);
  contenders[0].pair_priority = 1;
  EXPECT_EQ(choose(contenders).path, 2u);
}

}  // namespace
}  // namespace causeway::path
