// What a daemon would see of worlds made by hand.
#include "selection/observer.hpp"

#include <gmock/gmock.h>

namespace causeway::selection {
namespace {

/// Two paths; the second is slower.
World two_paths(std::size_t seconds) {
  World world;
  world.seed = 5;
  for (const double rtt : {20.0, 60.0}) {
    Route route;
    route.seconds.assign(seconds, Second{rtt, rtt / 50, 0, 0, true});
    world.routes.push_back(route);
  }
  return world;
}

constexpr Observer::PathId kFirst = Observer::kFirstId, kSecond = kFirst + 1;

void live(Observer& observer, Observer::PathId path, int seconds) {
  for (int i = 0; i < seconds; ++i)
    observer.pass(path);
}

TEST(Observers, MeasureThePathInUseOftenAndOthersNowAndThen) {
  const World world = two_paths(100);
  Observer observer(world);
  live(observer, kFirst, 60);
  const replay::Step step = observer.look();
  const auto& used = step.pairs[0].view.measured;
  const auto& other = step.pairs[1].view.measured;
  // A check and two samples a second; a check in five seconds.
  EXPECT_NEAR(used.probes, 180, 20);
  EXPECT_NEAR(other.probes, 12, 3);
  EXPECT_NEAR(to_milliseconds(*used.rtt), 20, 1);
  EXPECT_NEAR(to_milliseconds(*other.rtt), 60, 3);
  EXPECT_EQ(used.loss, 0);
  ASSERT_TRUE(step.pairs[1].view.history);
  EXPECT_NEAR(step.pairs[1].view.history->samples, other.probes, 1.5);
}

TEST(Observers, SeeLossThereAndBack) {
  World world = two_paths(600);
  for (Second& second : world.routes[0].seconds)
    second.loss_out = second.loss_in = 0.05;
  Observer observer(world);
  double sum = 0;
  for (int i = 0; i < 500; ++i) {
    observer.pass(kFirst);
    sum += observer.look().pairs[0].view.measured.loss;
  }
  EXPECT_NEAR(sum / 500, 1 - 0.95 * 0.95, 0.03);
  EXPECT_EQ(observer.look().pairs[0].view.measured.disconnects, 0U) << "loss is not death";
}

TEST(Observers, LoseAPathThatIsSilentWithinASecondAndFindItAgain) {
  World world = two_paths(60);
  for (std::size_t i = 20; i < 30; ++i)
    world.routes[0].seconds[i].is_up = false;
  Observer observer(world);
  live(observer, kFirst, 20);
  EXPECT_FALSE(observer.look().pairs[0].is_dead);
  live(observer, kFirst, 1);
  EXPECT_TRUE(observer.look().pairs[0].is_dead);
  EXPECT_TRUE(observer.look().pairs[0].is_warm) << "consent lasts for fifteen seconds";
  EXPECT_FALSE(observer.look().pairs[1].is_dead);
  live(observer, kSecond, 13);
  EXPECT_FALSE(observer.look().pairs[0].is_dead);
  EXPECT_EQ(observer.look().pairs[0].view.measured.disconnects, 1U);
}

TEST(Observers, LoseConsentAfterFifteenSeconds) {
  World world = two_paths(60);
  for (std::size_t i = 10; i < 40; ++i)
    world.routes[1].seconds[i].is_up = false;
  Observer observer(world);
  live(observer, kFirst, 17);
  EXPECT_TRUE(observer.look().pairs[1].is_warm) << "consent lasts for fifteen seconds";
  EXPECT_GE(observer.look().pairs[1].losses_in_a_row, 2U);
  live(observer, kFirst, 15);
  EXPECT_FALSE(observer.look().pairs[1].is_warm);
  live(observer, kFirst, 12);
  EXPECT_TRUE(observer.look().pairs[1].is_warm);
}

TEST(Observers, SeeTheSameOfTheSameChoices) {
  const World world = make_world(WorldClass::flapping_wifi, 9);
  Observer a(world), b(world);
  while (!a.is_over()) {
    const replay::Step x = a.look(), y = b.look();
    for (std::size_t i = 0; i < x.pairs.size(); ++i) {
      ASSERT_EQ(x.pairs[i].view.measured.rtt, y.pairs[i].view.measured.rtt);
      ASSERT_EQ(x.pairs[i].view.measured.loss, y.pairs[i].view.measured.loss);
      ASSERT_EQ(x.pairs[i].view.history, y.pairs[i].view.history);
    }
    a.pass(kFirst);
    b.pass(kFirst);
  }
}

}  // namespace
}  // namespace causeway::selection
