// Plugins that were built when ABI 1.0 was frozen, from the template of that day, and are never built anew:
// every later version must take them as they are. x86-64 only, as the binaries are.
#if defined(__x86_64__)
#include <gtest/gtest.h>

#include <filesystem>

#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

/// A copy with the mode that an installed plugin has, whatever the checkout's is.
std::filesystem::path kept(const HostWorld& world, const std::string& name) {
  const auto copy = world.scratch() / (name + ".so");
  std::filesystem::copy_file(std::filesystem::path(CAUSEWAY_KEPT_PLUGINS) / (name + ".so"), copy);
  std::filesystem::permissions(copy, std::filesystem::perms(0755));
  return copy;
}

TEST(Kept, PriorityPluginOf10Ranks) {
  HostWorld world;
  const auto loaded = world.host().load(kept(world, "kept-priority"), world.now());
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_TRUE(world.host().use({{"kept-priority"}}, world.now()));
  auto near = make_path(1, 1), far = make_path(2, 2);
  near.measured = {.rtt = 10ms, .jitter = 1ms, .probes = 5};
  far.measured = {.rtt = 80ms, .jitter = 1ms, .probes = 5};
  const auto ranking = world.score("peer", {far, near});
  EXPECT_EQ(ranking.stack, "kept-priority");
  EXPECT_EQ(ranking.scores.at(0).score, 920'000);
  EXPECT_EQ(ranking.scores.at(1).score, 990'000);
  EXPECT_EQ(ranking.scores.at(1).reason, "10 ms there and back");
  ASSERT_TRUE(world.host().unload("kept-priority", world.now()));
}

TEST(Kept, CandidateSourceOf10Asks) {
  HostWorld world;
  const net::Endpoint server = *net::Endpoint::parse("198.51.100.7:3478");
  world.host().set_configuration({{server}}, world.now());
  world.host().set_bases({{net::BaseId{1}, *net::Endpoint::parse("192.168.0.100:41641"), "eth0"}},
                         world.now());
  const auto loaded = world.host().load(kept(world, "kept-candidate-source"), world.now());
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_FALSE(world.sent.empty());
  EXPECT_EQ(world.sent.back().to, server);
  EXPECT_EQ(world.sent.back().bytes.size(), 20U);
  ASSERT_TRUE(world.host().unload("kept-candidate-source", world.now()));
}

TEST(Kept, TransportOf10IsTaken) {
  HostWorld world;
  const auto loaded = world.host().load(kept(world, "kept-transport"), world.now());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(world.row("kept-transport")->kind, Kind::transport);
  EXPECT_EQ(world.row("kept-transport")->abi, "1.0");
  ASSERT_TRUE(world.host().unload("kept-transport", world.now()));
}

}  // namespace
}  // namespace causeway::plugin
#endif
