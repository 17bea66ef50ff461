// Worlds are what docs/selection.md says, and the same for ever.
#include "selection/world.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace causeway::selection {
namespace {

double mean_cost(const World& world, const Route& route) {
  double sum = 0;
  for (const Second& second : route.seconds)
    sum += second.is_up ? second.rtt_ms + 4 * second.jitter_ms + 2000 * loss_of_traffic(world, second) : 1000;
  return sum / static_cast<double>(route.seconds.size());
}

const Route& first_by_ice(const World& world) {
  return *std::max_element(world.routes.begin(), world.routes.end(),
                           [](const Route& a, const Route& b) { return a.pair_priority < b.pair_priority; });
}

TEST(Worlds, AreSane) {
  for (const WorldClass world_class : kAllClasses) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      const World world = make_world(world_class, seed);
      SCOPED_TRACE(std::string(to_string(world_class)) + " " + std::to_string(seed));
      EXPECT_THAT(world.routes.size(), ::testing::AllOf(::testing::Ge(2U), ::testing::Le(5U)));
      for (const Route& route : world.routes) {
        EXPECT_EQ(route.seconds.size(), world.seconds());
        for (const Second& second : route.seconds) {
          EXPECT_GT(second.rtt_ms, 0);
          EXPECT_LT(second.rtt_ms, 3000);
          EXPECT_GE(second.jitter_ms, 0);
          EXPECT_THAT(loss_of_traffic(world, second), ::testing::AllOf(::testing::Ge(0), ::testing::Le(1)));
          EXPECT_THAT(loss_of_probes(second), ::testing::AllOf(::testing::Ge(0), ::testing::Le(1)));
        }
        EXPECT_EQ(route.hint.has_value(), world_class == WorldClass::wrong_hints);
      }
    }
  }
}

TEST(Worlds, OfOneSeedAreEqual) {
  for (const WorldClass world_class : kAllClasses) {
    const World a = make_world(world_class, 17), b = make_world(world_class, 17);
    ASSERT_EQ(a.routes.size(), b.routes.size());
    for (std::size_t i = 0; i < a.routes.size(); ++i) {
      EXPECT_EQ(a.routes[i].pair_priority, b.routes[i].pair_priority);
      EXPECT_EQ(a.routes[i].past, b.routes[i].past);
      EXPECT_EQ(a.routes[i].seconds.back().rtt_ms, b.routes[i].seconds.back().rtt_ms);
    }
    EXPECT_NE(a.routes[0].seconds[0].rtt_ms, make_world(world_class, 18).routes[0].seconds[0].rtt_ms);
  }
}

TEST(Worlds, IceIsRightInTheHonestOnes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const World world = make_world(WorldClass::honest_baseline, seed);
    const Route& first = first_by_ice(world);
    std::size_t better = 0;
    for (const Route& route : world.routes)
      better += mean_cost(world, route) < 0.9 * mean_cost(world, first) ? 1 : 0;
    EXPECT_EQ(better, 0U) << "seed " << seed;
  }
}

TEST(Worlds, WrongHintsPraiseTheWorst) {
  const World world = make_world(WorldClass::wrong_hints, 3);
  const auto by_cost = [&](const Route& a, const Route& b) {
    return mean_cost(world, a) < mean_cost(world, b);
  };
  const auto by_hint = [](const Route& a, const Route& b) { return a.hint->score < b.hint->score; };
  EXPECT_EQ(std::max_element(world.routes.begin(), world.routes.end(), by_cost),
            std::max_element(world.routes.begin(), world.routes.end(), by_hint));
}

}  // namespace
}  // namespace causeway::selection
