// Networks change under whole nodes (spec V7): the virtual address and the session stay.

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

using enum Behaviour;

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

struct Roaming : ::testing::TestWithParam<int> {
  void SetUp() override {
    world = std::make_unique<World>(static_cast<std::uint64_t>(GetParam()));
    home = &world->add_household(ip("198.51.100.1"), endpoint_independent, address_and_port_dependent);
    cafe = &world->add_household(ip("198.18.0.1"), endpoint_independent, address_and_port_dependent);
    alice = &world->add_node("alice", ip("192.168.0.100"), home);
    bob = &world->add_node(
        "bob", ip("172.16.13.11"),
        &world->add_household(ip("203.0.113.1"), endpoint_independent, address_and_port_dependent));
    for (SimNode* node : {alice, bob}) {
      node->start(world->server.make_token());
      ASSERT_TRUE(world->run_until([&] { return node->is_online(); }, 5s));
    }
    ASSERT_TRUE(world->run_until(
        [&] {
          return alice->node().candidates().ranked().size() >= 2 &&
                 bob->node().candidates().ranked().size() >= 2;
        },
        5s));
    ASSERT_TRUE(flows(5s));
    world->run_for(3s);
  }

  void send(SimNode& from, SimNode& to) {
    testing::PacketSpec spec;
    spec.source = from.virtual_address()->to_string();
    spec.destination = to.virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(100, 1);
    from.write_packet(testing::build(spec));
  }
  /// Packets each 10 ms both ways, until both ways one has arrived; false: not within `limit`.
  bool flows(Duration limit) {
    const SteadyTime begun = world->now();
    bool at_alice = false, at_bob = false;
    (void)alice->take_received();
    (void)bob->take_received();
    while (!(at_alice && at_bob) && world->now() - begun < limit) {
      send(*alice, *bob);
      send(*bob, *alice);
      world->run_for(10ms);
      at_alice |= !alice->take_received().empty();
      at_bob |= !bob->take_received().empty();
    }
    return at_alice && at_bob;
  }
  /// alice leaves one LAN for another, as its driver tells it.
  void move(const Nat* to, const char* address) {
    alice->remove_nic(alice->nics().front().base);
    alice->add_nic(to->inside(), ip(address));
    alice->on_network_changed({}, true);
  }

  std::unique_ptr<World> world;
  Nat* home = nullptr;
  Nat* cafe = nullptr;
  SimNode* alice = nullptr;
  SimNode* bob = nullptr;
};

TEST_P(Roaming, AnotherNetworkIsInUseWithinASecond) {
  const auto address = alice->virtual_address();
  for (int round = 0; round < 3; ++round) {
    move(cafe, "10.77.0.50");
    EXPECT_TRUE(flows(1s)) << "to the cafe, round " << round;
    world->run_for(4s);
    move(home, "192.168.0.100");
    EXPECT_TRUE(flows(1s)) << "back home, round " << round;
    world->run_for(4s);
  }
  EXPECT_EQ(alice->virtual_address(), address);
}

TEST_P(Roaming, ANetworkThatComesBackIsInUseAtOnce) {
  alice->remove_nic(alice->nics().front().base);
  alice->on_network_changed({}, true);
  world->run_for(2s);
  alice->add_nic(home->inside(), ip("192.168.0.100"));
  alice->on_network_changed({}, false);
  EXPECT_TRUE(flows(300ms)) << "the pair that worked is tried first";
}

TEST_P(Roaming, WithoutAServerThePeerIsFoundFromANewAddressOfTheSameNat) {
  world->server.crash();
  world->run_for(1s);
  move(home, "192.168.0.111");
  // The NAT's mapping is new, so bob's strict filter lets nothing in before bob is told; nobody can tell. The
  // old address brings the old mapping back.
  world->run_for(2s);
  move(home, "192.168.0.100");
  EXPECT_TRUE(flows(2s));
}

TEST_P(Roaming, AShortSleepCostsNothing) {
  const auto handshake = alice->peer_of(*bob)->last_handshake();
  alice->on_network_changed(5s, false);
  EXPECT_TRUE(flows(200ms));
  EXPECT_EQ(alice->peer_of(*bob)->last_handshake(), handshake) << "the session goes on";
}

TEST_P(Roaming, ALongSleepMakesANewSession) {
  const auto handshake = alice->peer_of(*bob)->last_handshake();
  alice->on_network_changed(1h, true);
  EXPECT_TRUE(flows(1s));
  EXPECT_GT(alice->peer_of(*bob)->last_handshake(), handshake) << "no key is used for so long";
}

INSTANTIATE_TEST_SUITE_P(Seeds, Roaming, ::testing::Range(1, 9));

}  // namespace
}  // namespace causeway::sim
