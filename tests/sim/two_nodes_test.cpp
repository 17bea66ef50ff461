// Whole nodes through a whole server: the worked example in virtual time, and what happens around it.

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

using enum Behaviour;

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

bool is_online(SimNode& node) { return node.is_online(); }

bool is_connected_to(SimNode& node, SimNode& other) {
  const peer::Peer* peer = node.node().find_peer(other.name());
  return peer && peer->state() == peer::PeerState::connected;
}

/// An application's packet from one virtual address to the other's.
Bytes packet_between(SimNode& from, SimNode& to, std::uint8_t mark) {
  testing::PacketSpec spec;
  spec.source = from.virtual_address()->to_string();
  spec.destination = to.virtual_address()->to_string();
  spec.tcp = false;
  spec.payload = Bytes(100, mark);
  return testing::build(spec);
}

bool crosses(World& world, SimNode& from, SimNode& to, std::uint8_t mark, Duration limit = 5s) {
  const Bytes packet = packet_between(from, to, mark);
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

/// Spec §8: client 1 and client 2, each behind its own NAT.
struct WorkedExample : ::testing::Test {
  void raise(Behaviour mapping, Behaviour filtering, std::uint64_t seed = 1) {
    world = std::make_unique<World>(seed);
    one = &world->add_node("alice", ip("192.168.0.100"),
                           &world->add_household(ip("198.51.100.1"), mapping, filtering));
    two = &world->add_node("bob", ip("172.16.13.11"),
                           &world->add_household(ip("203.0.113.1"), mapping, filtering));
    one->start(world->server.make_token());
    ASSERT_TRUE(world->run_until([&] { return is_online(*one); }, 5s));
    two->start(world->server.make_token());
    ASSERT_TRUE(world->run_until([&] { return is_online(*two); }, 5s));
    // The second candidate comes from STUN.
    ASSERT_TRUE(world->run_until(
        [&] {
          return one->node().candidates().ranked().size() >= 2 &&
                 two->node().candidates().ranked().size() >= 2;
        },
        5s));
  }

  std::unique_ptr<World> world;
  SimNode* one = nullptr;
  SimNode* two = nullptr;
};

TEST_F(WorkedExample, AddressesAreTheLowestOfThePool) {
  raise(endpoint_independent, address_and_port_dependent);
  EXPECT_EQ(one->virtual_address(), ip("10.10.0.101"));
  EXPECT_EQ(two->virtual_address(), ip("10.10.0.102"));
}

TEST_F(WorkedExample, FirstPacketConnectsAndArrives) {
  raise(endpoint_independent, address_and_port_dependent);
  const SteadyTime asked = world->now();
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  EXPECT_LT(world->now() - asked, 300ms) << "at 5 ms each way";
  EXPECT_TRUE(crosses(*world, *two, *one, 2));
  ASSERT_TRUE(
      world->run_until([&] { return is_connected_to(*one, *two) && is_connected_to(*two, *one); }, 2s));

  // Each holds one pair: own host address, the other's mapped address.
  const peer::Peer& peer = *one->node().find_peer("bob");
  EXPECT_EQ(peer.data_path()->remote.address, ip("203.0.113.1"));
  EXPECT_EQ(two->node().find_peer("alice")->data_path()->remote.address, ip("198.51.100.1"));
}

TEST_F(WorkedExample, BothEndsSettleOnOnePathAndNominateIt) {
  raise(endpoint_independent, address_and_port_dependent);
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  EXPECT_TRUE(world->run_until(
      [&] {
        const auto* a = one->node().find_peer("bob");
        const auto* b = two->node().find_peer("alice");
        return a->paths().nominated() && a->paths().selected() == a->paths().nominated() &&
               b->paths().nominated() && b->paths().selected() == b->paths().nominated();
      },
      5s));
}

TEST_F(WorkedExample, OutageOfTheServerCutsNothing) {
  raise(endpoint_independent, address_and_port_dependent);
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  world->server.crash();
  for (std::uint8_t minute = 0; minute < 10; ++minute) {
    world->run_for(60s);
    EXPECT_TRUE(crosses(*world, *one, *two, static_cast<std::uint8_t>(10 + minute)))
        << "minute " << int{minute};
  }
  EXPECT_FALSE(is_online(*one));
  world->server.restart();
  EXPECT_TRUE(world->run_until([&] { return is_online(*one) && is_online(*two); }, 130s));
  EXPECT_EQ(one->virtual_address(), ip("10.10.0.101"));
}

TEST_F(WorkedExample, SurvivesRekeyAndIdleTimes) {
  raise(endpoint_independent, address_and_port_dependent);
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  for (std::uint8_t round = 0; round < 20; ++round) {
    world->run_for(std::chrono::seconds(13 * (round + 1)));
    EXPECT_TRUE(crosses(*world, *two, *one, round)) << "round " << int{round};
  }
}

TEST_F(WorkedExample, LeavesAndJoinsAgain) {
  raise(endpoint_independent, address_and_port_dependent);
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  one->leave();
  ASSERT_TRUE(world->run_until([&] { return one->has_left(); }, 5s));
  EXPECT_EQ(one->node().status(), node::NodeStatus::disconnected);
  EXPECT_FALSE(one->virtual_address());
  EXPECT_TRUE(world->run_until([&] { return two->node().find_peer("alice") == nullptr; }, 5s))
      << "peers are told";
  one->join();
  ASSERT_TRUE(world->run_until([&] { return is_online(*one); }, 5s));
  EXPECT_EQ(one->virtual_address(), ip("10.10.0.101")) << "its owner gets it back";
  EXPECT_TRUE(crosses(*world, *two, *one, 3));
}

/// Alice asks while bob is away; then the server forgets what she asked. Bob, when he comes back, still
/// learns of her.
TEST_F(WorkedExample, OfferThatTheServerRefusedIsMadeAgain) {
  raise(endpoint_independent, address_and_port_dependent);
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  two->kill();
  world->run_for(40s);  // consent is over
  EXPECT_FALSE(crosses(*world, *one, *two, 2, 3s));
  world->server.crash();
  world->run_for(1s);
  world->server.restart();
  two->restart();
  ASSERT_TRUE(world->run_until([&] { return is_online(*one) && is_online(*two); }, 30s));
  world->run_for(30s);  // nobody waits any more, and each has its mapped address
  EXPECT_TRUE(crosses(*world, *two, *one, 3, 10s));
}

TEST(ServerClock, WrongWhileNodesRegisterHidesThemOnlyUntilItIsSetRight) {
  World world(1);
  SimNode& one = world.add_node("alice", ip("203.0.113.10"), nullptr);
  SimNode& two = world.add_node("bob", ip("203.0.113.11"), nullptr);
  const std::string tokens[] = {world.server.make_token(), world.server.make_token()};
  world.server.clock_error = 365 * 24h;  // every record has expired
  one.start(tokens[0]);
  two.start(tokens[1]);
  ASSERT_TRUE(world.run_until([&] { return is_online(one) && is_online(two); }, 5s));
  EXPECT_FALSE(crosses(world, one, two, 1));
  world.server.clock_error = {};
  world.run_for(40s);
  EXPECT_TRUE(crosses(world, one, two, 2));
}

TEST_F(WorkedExample, JoinWhileLeavingIsObeyed) {
  raise(endpoint_independent, address_and_port_dependent);
  one->leave();
  one->join();
  EXPECT_TRUE(world->run_until([&] { return one->has_left(); }, 5s));
  EXPECT_TRUE(world->run_until([&] { return is_online(*one); }, 5s));
  EXPECT_EQ(one->virtual_address(), ip("10.10.0.101"));
}

TEST_F(WorkedExample, RestartedNodeIsReachedAgain) {
  raise(endpoint_independent, address_and_port_dependent);
  ASSERT_TRUE(crosses(*world, *one, *two, 1));
  two->restart();
  ASSERT_TRUE(world->run_until([&] { return is_online(*two); }, 10s));
  EXPECT_TRUE(crosses(*world, *two, *one, 2, 15s)) << "from the one that restarted";
  EXPECT_TRUE(crosses(*world, *one, *two, 3, 15s));
}

TEST_F(WorkedExample, SymmetricOnBothSidesIsSaidToBeUnreachable) {
  raise(address_and_port_dependent, address_and_port_dependent);
  EXPECT_FALSE(crosses(*world, *one, *two, 1, 30s));
  const peer::Peer* peer = one->node().find_peer("bob");
  ASSERT_NE(peer, nullptr);
  EXPECT_EQ(peer->state(), peer::PeerState::unreachable);
  EXPECT_EQ(peer->state_reason(), "no pair of addresses works");
}

TEST_F(WorkedExample, AddressOfNobodyIsRefusedSoon) {
  raise(endpoint_independent, address_and_port_dependent);
  testing::PacketSpec spec;
  spec.source = "10.10.0.101";
  spec.destination = "10.10.0.200";
  spec.tcp = false;
  one->write_packet(testing::build(spec));
  // ICMP destination unreachable comes back.
  std::vector<Bytes> answers;
  ASSERT_TRUE(world->run_until([&] { return !(answers = one->take_received()).empty(); }, 1s));
  EXPECT_EQ(answers[0][9], 1) << "ICMP";
  EXPECT_EQ(answers[0][20], 3) << "destination unreachable";
}

TEST(SameLan, IsAHostPair) {
  World world(1);
  Nat& nat = world.add_household(ip("198.51.100.1"), endpoint_independent, address_and_port_dependent);
  SimNode& one = world.add_node("alice", ip("192.168.0.100"), &nat);
  SimNode& two = world.add_node("bob", ip("192.168.0.101"), &nat);
  one.start(world.server.make_token());
  two.start(world.server.make_token());
  ASSERT_TRUE(world.run_until([&] { return is_online(one) && is_online(two); }, 5s));
  ASSERT_TRUE(crosses(world, one, two, 1));
  EXPECT_EQ(one.node().find_peer("bob")->data_path()->remote, two.nics().front().address);
}

/// Alice has two NICs, so that there is something to disagree about. Whoever controls, the two ends stay
/// together.
class OnePath : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  OnePath() : world(GetParam()) {
    Nat& nat = world.add_household(ip("198.51.100.1"), endpoint_independent, address_and_port_dependent);
    one = &world.add_node("alice", ip("192.168.0.100"), &nat);
    one->add_nic(Realm::internet, ip("203.0.113.11"));
    two = &world.add_node("bob", ip("203.0.113.10"), nullptr);
    one->start(world.server.make_token());
    two->start(world.server.make_token());
    world.run_until([&] { return is_online(*one) && is_online(*two); }, 5s);
    world.run_for(2s);
  }
  bool agree_within(Duration limit) {
    return world.run_until([&] { return !both_ends_on_one_path(*one, *two); }, limit);
  }

  World world;
  SimNode* one = nullptr;
  SimNode* two = nullptr;
};

TEST_P(OnePath, IsKeptWhenTheNicOfOneEndComesBack) {
  ASSERT_TRUE(crosses(world, *one, *two, 1));
  ASSERT_TRUE(agree_within(5s));
  two->remove_nic(two->nics().front().base);
  world.run_for(400ms);
  two->add_nic(Realm::internet, ip("203.0.113.10"));
  world.run_for(5s);
  EXPECT_TRUE(agree_within(2s));
}

TEST_P(OnePath, IsFoundAfterOneEndRestarted) {
  ASSERT_TRUE(crosses(world, *one, *two, 1));
  ASSERT_TRUE(agree_within(5s));
  two->restart();
  ASSERT_TRUE(world.run_until([&] { return is_online(*two); }, 10s));
  EXPECT_TRUE(crosses(world, *two, *one, 2, 15s));
  EXPECT_TRUE(agree_within(5s));
}

TEST_P(OnePath, IsFoundThroughAStorm) {
  world.network.weather = {.delay = 80ms, .jitter = 300ms, .loss = 0.3, .duplicate = 0.2};
  one->write_packet(packet_between(*one, *two, 1));
  world.run_for(30s);
  world.network.weather = {};
  EXPECT_TRUE(crosses(world, *one, *two, 2, 15s));
  EXPECT_TRUE(agree_within(10s));
}

INSTANTIATE_TEST_SUITE_P(Seeds, OnePath, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace causeway::sim
