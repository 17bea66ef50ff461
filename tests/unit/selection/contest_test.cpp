// A fixed part of the tuning worlds (seeds 1 to 12 of each class; the report's are 501 to 1000): what
// docs/selection.md reports of priority-history must not be lost by a change of the plugin, the host or the
// selection.
#include "selection/contest.hpp"

#include <gtest/gtest.h>

#include "selection/report.hpp"
#include "unit/plugin/plugin_files.hpp"

namespace causeway::selection {
namespace {

using plugin::test::build_directory;
using plugin::test::ScratchDirectory;
using plugin::test::shipped_plugin;

constexpr std::uint64_t kSeeds = 12;

std::unique_ptr<Contestant> enter(const std::filesystem::path& file, const std::filesystem::path& scratch) {
  auto contestant = Contestant::enter({file, file.stem().string(), ""}, scratch);
  EXPECT_TRUE(contestant) << (contestant ? "" : contestant.error().message);
  return contestant ? std::move(*contestant) : nullptr;
}

TEST(Contest, PriorityHistoryKeepsWhatItGains) {
  const ScratchDirectory scratch;
  const auto history = enter(shipped_plugin("priority-history"), scratch.path());
  const auto ice = enter(shipped_plugin("priority-ice"), scratch.path());
  const auto rtt = enter(build_directory() / "lib/causeway/bench-plugins/rtt-only.so", scratch.path());
  ASSERT_TRUE(history && ice && rtt);
  Report report({"priority-history", "priority-ice", "rtt-only"});
  for (const WorldClass world_class : kAllClasses) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const World world = make_world(world_class, seed);
      report.add(world, {history->live_through(world), ice->live_through(world), rtt->live_through(world)});
    }
  }
  // Twelve seeds are few: bounds are those of these worlds with some room (0.35 and 0.69 of the regrets).
  const double ours = report.sum(0).totals.regret();
  EXPECT_LT(ours, 0.4 * report.sum(1).totals.regret()) << report.tables();
  EXPECT_LT(ours, 0.75 * report.sum(2).totals.regret()) << report.tables();
  for (const WorldClass world_class : kAllClasses) {
    EXPECT_LT(report.sum(world_class, 0).totals.cost, 1.03 * report.sum(world_class, 1).totals.cost)
        << to_string(world_class) << "\n"
        << report.tables();
  }
}

TEST(Contest, ARunIsTheSameTwice) {
  const ScratchDirectory scratch;
  const auto history = enter(shipped_plugin("priority-history"), scratch.path());
  ASSERT_TRUE(history);
  const World world = make_world(WorldClass::flapping_wifi, 4);
  const replay::Totals first = history->live_through(world);
  history->live_through(make_world(WorldClass::slow_drift, 2));
  const replay::Totals second = history->live_through(world);
  EXPECT_EQ(first.cost, second.cost);
  EXPECT_EQ(first.switches, second.switches);
  EXPECT_GT(first.regret(), 0);
}

}  // namespace
}  // namespace causeway::selection
