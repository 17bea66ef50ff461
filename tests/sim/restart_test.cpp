// Daemons that are killed and start again while no server can introduce them.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

using enum Behaviour;

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

struct Homes {
  const char* name;
  Behaviour mapping, filtering;
  bool has_nats = true;
};
constexpr Homes kHomes[] = {
    {"Internet", endpoint_independent, endpoint_independent, false},
    {"FullCone", endpoint_independent, endpoint_independent},
    {"HostRestricted", endpoint_independent, address_dependent},
    {"PortRestricted", endpoint_independent, address_and_port_dependent},
};

/// Alice and bob, who have met; whose identity key is lower, and so controls, follows from the seed.
struct Restart : ::testing::TestWithParam<std::tuple<Homes, std::uint64_t>> {
  Restart() : world(std::get<1>(GetParam())) {
    const Homes& homes = std::get<0>(GetParam());
    const auto nat = [&](const char* outside) {
      return homes.has_nats ? &world.add_household(ip(outside), homes.mapping, homes.filtering) : nullptr;
    };
    one =
        &world.add_node("alice", ip(homes.has_nats ? "192.168.0.100" : "203.0.113.100"), nat("198.51.100.1"));
    two = &world.add_node("bob", ip(homes.has_nats ? "172.16.13.11" : "203.0.113.101"), nat("203.0.113.1"));
    for (SimNode* node : {one, two})
      node->start(world.server.make_token());
    world.run_until([&] { return one->is_online() && two->is_online(); }, 5s);
    world.run_for(3s);  // mapped addresses
  }

  void SetUp() override {
    ASSERT_TRUE(crosses(*one, *two, 1));
    ASSERT_TRUE(crosses(*two, *one, 2));
    world.run_for(6s);  // nominated, measured, stored
  }

  static bool is_connected(SimNode& node, SimNode& other) {
    const peer::Peer* peer = node.peer_of(other);
    return peer && peer->state() == peer::PeerState::connected;
  }
  bool reconnect_within(Duration limit) {
    return world.run_until([&] { return is_connected(*one, *two) && is_connected(*two, *one); }, limit);
  }
  bool agree_within(Duration limit) {
    return world.run_until([&] { return !both_ends_on_one_path(*one, *two); }, limit);
  }
  bool crosses(SimNode& from, SimNode& to, std::uint8_t mark, Duration limit = 5s) {
    testing::PacketSpec spec;
    spec.source = from.virtual_address()->to_string();
    spec.destination = to.virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(100, mark);
    const Bytes packet = testing::build(spec);
    (void)to.take_received();
    from.write_packet(packet);
    bool arrived = false;
    world.run_until(
        [&] {
          for (const Bytes& received : to.take_received())
            arrived |= received == packet;
          return arrived;
        },
        limit);
    return arrived;
  }
  void expect_reunion(Duration limit) {
    EXPECT_TRUE(reconnect_within(limit)) << "without a packet and without a server";
    EXPECT_TRUE(crosses(*one, *two, 3));
    EXPECT_TRUE(crosses(*two, *one, 4));
    EXPECT_TRUE(agree_within(5s));
    EXPECT_FALSE(one->is_online());
  }

  World world;
  SimNode* one = nullptr;
  SimNode* two = nullptr;
};

TEST_P(Restart, OfOneIsHealedAtOnce) {
  world.server.crash();
  world.run_for(2s);
  const auto address = one->virtual_address();
  one->kill();
  world.run_for(1s);
  one->restart();
  EXPECT_EQ(one->virtual_address(), address);
  expect_reunion(1s);
}

TEST_P(Restart, AfterTheOtherGaveItUpIsHealed) {
  world.server.crash();
  one->kill();
  world.run_for(60s);  // consent is over, nobody waits any more; the probes hold the NAT open
  EXPECT_FALSE(is_connected(*two, *one));
  one->restart();
  expect_reunion(2s);
}

TEST_P(Restart, OfBothIsHealed) {
  world.server.crash();
  one->kill();
  world.run_for(1s);
  two->kill();
  world.run_for(1s);
  one->restart();
  world.run_for(20s);  // alone, and tired of it
  two->restart();
  expect_reunion(2s);
}

TEST_P(Restart, ManyTimesIsHealedEachTime) {
  world.server.crash();
  for (int round = 0; round < 6; ++round) {
    SimNode& node = round % 3 == 2 ? *two : *one;
    node.restart();
    ASSERT_TRUE(reconnect_within(3s)) << "round " << round;
    world.run_for(7s);  // the newest generation is stored
  }
  expect_reunion(1s);
}

/// The newest generation never got to the disk.
TEST_P(Restart, AgainBeforeAnythingWasStoredIsHealed) {
  world.server.crash();
  for (int round = 0; round < 5; ++round) {
    one->restart();
    world.run_for(100ms);
  }
  expect_reunion(2s);
}

/// Each time both have stored their own new generation, and neither the other's.
TEST_P(Restart, OfBothBeforeTheOtherIsStoredIsHealed) {
  world.server.crash();
  for (int round = 0; round < 3; ++round) {
    for (SimNode* node : {one, two})
      node->kill();
    for (SimNode* node : {one, two}) {
      node->restart();
      world.network.set_cut(node->nics().front().plug, true);
    }
    world.run_for(600ms);
    for (SimNode* node : {one, two})
      world.network.set_cut(node->nics().front().plug, false);
    ASSERT_TRUE(reconnect_within(3s)) << "round " << round;
  }
  expect_reunion(1s);
}

TEST_P(Restart, WithItsServerAndBothEndsIsHealed) {
  world.server.crash();
  one->kill();
  two->kill();
  world.run_for(1s);
  one->restart();
  two->restart();
  EXPECT_TRUE(reconnect_within(2s));
  world.server.restart();
  ASSERT_TRUE(world.run_until([&] { return one->is_online() && two->is_online(); }, 20s));
  world.run_for(10s);
  EXPECT_TRUE(is_connected(*one, *two) && is_connected(*two, *one));
  EXPECT_TRUE(crosses(*one, *two, 5));
  EXPECT_TRUE(agree_within(5s));
}

TEST_P(Restart, OfANodeThatWasPutOutMeanwhileConnectsNobody) {
  one->kill();
  world.server.administer("admin.node.revoke", {{"name", "bob"}});
  world.run_for(1s);
  two->restart();  // it will be refused, and tries alice all the same
  one->restart();
  ASSERT_TRUE(world.run_until([&] { return one->is_online(); }, 20s));
  EXPECT_TRUE(world.run_until([&] { return one->peer_of(*two) == nullptr; }, 5s));
  world.run_for(30s);
  EXPECT_EQ(one->peer_of(*two), nullptr);
}

TEST_P(Restart, AfterLeavingKnowsNobody) {
  one->leave();
  ASSERT_TRUE(world.run_until([&] { return one->has_left(); }, 5s));
  world.server.crash();
  one->restart();
  EXPECT_TRUE(one->node().peers().empty());
  one->join();
  world.run_for(5s);
  EXPECT_TRUE(one->node().peers().empty());
}

/// Long idle peers were let go while the server was there; when it is not, each still knows the other's call.
struct RestartWithoutNats : Restart {};

TEST_P(RestartWithoutNats, FindsOneThatHadLetItGo) {
  world.run_for(400s);
  ASSERT_EQ(two->peer_of(*one)->state(), peer::PeerState::idle);
  world.server.crash();
  world.run_for(2s);
  EXPECT_TRUE(crosses(*one, *two, 7, 2s));
}

const auto name_of = [](const auto& chosen) {
  return fmt::format("{}Seed{}", std::get<0>(chosen.param).name, std::get<1>(chosen.param));
};
const auto kSeeds = ::testing::Range<std::uint64_t>(1, 7);
INSTANTIATE_TEST_SUITE_P(Worlds, Restart, ::testing::Combine(::testing::ValuesIn(kHomes), kSeeds), name_of);
INSTANTIATE_TEST_SUITE_P(Worlds, RestartWithoutNats, ::testing::Combine(::testing::Values(kHomes[0]), kSeeds),
                         name_of);

}  // namespace
}  // namespace causeway::sim
