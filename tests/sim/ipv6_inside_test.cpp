// IPv6 virtual addresses through whole nodes and a whole server, also in a network where not all have one.

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

constexpr const char* kAlice6 = "fd12:3456:789a::a0a:65";
constexpr const char* kBob6 = "fd12:3456:789a::a0a:66";
constexpr const char* kForged6 = "fd12:3456:789a::a0a:67";  // that alice's forwarder lets out
constexpr std::uint8_t kIcmpV6 = 58;
constexpr std::uint8_t kUnreachable = 1;

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

struct Ipv6Inside : ::testing::Test {
  void raise(ServerHost::Options options = {}) {
    world = std::make_unique<World>(5, options);
    alice = &world->add_node("alice", ip("203.0.113.100"), nullptr);
    bob = &world->add_node("bob", ip("203.0.113.101"), nullptr);
    alice->forge_source(ip(kForged6));
    for (SimNode* node : {alice, bob})
      start(*node);
  }
  void start(SimNode& node) {
    node.start(world->server.make_token());
    ASSERT_TRUE(world->run_until([&] { return node.is_online(); }, 5s));
  }
  void restart(SimNode& node) {
    node.restart();
    ASSERT_TRUE(world->run_until([&] { return node.is_online(); }, 10s));
    world->run_for(1s);
  }
  static Bytes packet(const char* source, const char* destination, std::uint8_t mark) {
    testing::PacketSpec spec;
    spec.source = source;
    spec.destination = destination;
    spec.tcp = false;
    spec.payload = Bytes(100, mark);
    return testing::build(spec);
  }
  bool crosses(SimNode& from, SimNode& to, const Bytes& sent, Duration limit = 5s) {
    from.write_packet(sent);
    bool arrived = false;
    const auto look = [&] {
      for (const Bytes& received : to.take_received())
        arrived |= received == sent;
      return arrived;
    };
    return world->run_until(look, limit);
  }
  /// Alice is told that this packet has no way.
  bool is_refused(const Bytes& sent) {
    alice->take_received();
    alice->write_packet(sent);
    bool refused = false;
    const auto look = [&] {
      for (const Bytes& received : alice->take_received())
        refused |= received.size() > 40 && received[6] == kIcmpV6 && received[40] == kUnreachable;
      return refused;
    };
    return world->run_until(look, 2s);
  }

  std::unique_ptr<World> world;
  SimNode* alice = nullptr;
  SimNode* bob = nullptr;
};

TEST_F(Ipv6Inside, TheFirstPacketMayBeAnIpv6One) {
  raise();
  EXPECT_EQ(alice->node().virtual_address6(), ip(kAlice6));
  EXPECT_TRUE(crosses(*alice, *bob, packet(kAlice6, kBob6, 1)));
  EXPECT_TRUE(crosses(*bob, *alice, packet(kBob6, kAlice6, 2)));
  EXPECT_TRUE(crosses(*alice, *bob, packet("10.10.0.101", "10.10.0.102", 3)));
  EXPECT_EQ(alice->node().find_peer(kBob6), alice->peer_of(*bob));
  EXPECT_TRUE(alice->peer_of(*bob)->compact());
}

TEST_F(Ipv6Inside, NobodyIsHeardUnderAnothersAddress) {
  raise();
  ASSERT_TRUE(crosses(*alice, *bob, packet(kAlice6, kBob6, 1)));
  EXPECT_FALSE(crosses(*alice, *bob, packet(kForged6, kBob6, 2), 2s));
  EXPECT_GT(bob->drops().get(dataplane::DropReason::source_not_allowed), 0U);
}

TEST_F(Ipv6Inside, WhoHasNoneIsReachedByIpv4AndRefusedByIpv6) {
  raise();
  ASSERT_TRUE(crosses(*alice, *bob, packet(kAlice6, kBob6, 1)));
  bob->ipv6_inside = false;
  restart(*bob);
  EXPECT_EQ(bob->node().virtual_address6(), std::nullopt);
  EXPECT_EQ(alice->peer_of(*bob)->description().virtual_address6, std::nullopt);
  EXPECT_TRUE(crosses(*alice, *bob, packet("10.10.0.101", "10.10.0.102", 2)));
  EXPECT_TRUE(is_refused(packet(kAlice6, kBob6, 3)));
  EXPECT_TRUE(is_refused(packet(kAlice6, "fd12:3456:789a::a0a:fe", 4))) << "an address that nobody has";
  EXPECT_TRUE(is_refused(packet(kAlice6, "fd12:3456:789a::1", 5))) << "and one that nobody can have";
  bob->ipv6_inside = true;
  restart(*bob);
  EXPECT_TRUE(crosses(*alice, *bob, packet(kAlice6, kBob6, 6)));
  EXPECT_TRUE(crosses(*bob, *alice, packet(kBob6, kAlice6, 7)));
}

TEST_F(Ipv6Inside, WorksForNodesThatRestartWhileTheServerIsDown) {
  raise();
  ASSERT_TRUE(crosses(*alice, *bob, packet(kAlice6, kBob6, 1)));
  world->run_for(10s);
  world->server.crash();
  alice->restart();
  bob->restart();
  EXPECT_TRUE(crosses(*alice, *bob, packet(kAlice6, kBob6, 2), 15s));
  EXPECT_TRUE(crosses(*bob, *alice, packet(kBob6, kAlice6, 3)));
}

TEST_F(Ipv6Inside, IsNothingInANetworkOfAnOlderServer) {
  raise({.ipv6 = false});
  EXPECT_EQ(alice->node().virtual_address6(), std::nullopt);
  EXPECT_TRUE(crosses(*alice, *bob, packet("10.10.0.101", "10.10.0.102", 1)));
  EXPECT_EQ(alice->peer_of(*bob)->description().virtual_address6, std::nullopt);
}

}  // namespace
}  // namespace causeway::sim
