// Paths that die in the middle of traffic, in every way a path can die, between whole nodes.

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

/// Alice and bob have two NICs each, on two networks that do not meet: two paths. What alice sends is echoed
/// by bob's application; she goes on as long as echoes come, then repeats after 200 ms, 400 ms and so on.
class Failover : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Failover() : world(GetParam()) {
    other_network = world.network.add_lan();
    alice = &add("alice", "203.0.113.10", "10.50.0.10");
    bob = &add("bob", "203.0.113.11", "10.50.0.11");
    alice->start(world.server.make_token());
    bob->start(world.server.make_token());
    world.run_until([&] { return alice->is_online() && bob->is_online(); }, 5s);
    world.run_for(500ms);
    talk();
    world.run_for(4s);
  }
  SimNode& add(const char* name, const char* first, const char* second) {
    SimNode& node = world.add_node(name, ip(first), nullptr);
    node.add_nic(other_network, ip(second));
    return node;
  }
  Bytes packet(SimNode& from, SimNode& to, std::size_t payload) {
    testing::PacketSpec spec;
    spec.source = from.virtual_address()->to_string();
    spec.destination = to.virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(payload, static_cast<std::uint8_t>(++sent));
    return testing::build(spec);
  }
  void talk() {
    const SteadyTime now = world.now();
    for (const Bytes& received : bob->take_received()) {
      if (received[9] == 1) continue;  // ICMP of his own node
      if (now - arrived > longest_gap) longest_gap = now - arrived;
      arrived = now;
      bob->write_packet(packet(*bob, *alice, 40));
    }
    bool has_echo = false;
    for (const Bytes& received : alice->take_received()) {
      if (received[9] == 1) most_payload = 1100;  // "too big" of her own node: as TCP does
      has_echo |= received[9] != 1;
    }
    if (has_echo) {
      echoed = repeated = now;
      rto = 200ms;
    }
    const bool is_flowing = now - echoed < 100ms;
    if (is_flowing || now - repeated >= rto) {
      if (!is_flowing) rto *= 2, repeated = now;
      alice->write_packet(packet(*alice, *bob, most_payload));
    }
    world.schedule.after(10ms, [this] { talk(); });
  }
  /// The NIC of this node that its path to the other one uses.
  SimNic nic_in_use(SimNode& node, SimNode& other) {
    const auto base = node.peer_of(other)->data_path()->base;
    for (const SimNic& nic : node.nics()) {
      if (nic.base == base) return nic;
    }
    return {};
  }
  bool is_on(SimNode& node, SimNode& other, net::BaseId base) {
    const auto& path = node.peer_of(other)->data_path();
    return path && path->base == base;
  }
  void expect_gap_below(Duration limit) {
    const Duration present = world.now() - arrived;
    EXPECT_LT(std::max(longest_gap, present), limit);
  }
  void begin_trouble() {
    ASSERT_FALSE(both_ends_on_one_path(*alice, *bob));
    longest_gap = {};
    arrived = world.now();
  }

  World world;
  Realm other_network{};
  SimNode* alice = nullptr;
  SimNode* bob = nullptr;
  std::size_t most_payload = 1400;
  unsigned sent = 0;
  SteadyTime arrived{}, echoed{}, repeated{};
  Duration rto = 200ms, longest_gap{};
};

TEST_P(Failover, PathCutSilentlyIsLeftWithinASecond) {
  for (int round = 0; round < 3; ++round) {
    begin_trouble();
    const SimNic nic = nic_in_use(*alice, *bob);
    world.network.set_cut(nic.plug, true);
    world.run_for(3s);
    EXPECT_FALSE(is_on(*alice, *bob, nic.base));
    expect_gap_below(500ms);
    EXPECT_FALSE(both_ends_on_one_path(*alice, *bob));
    world.network.set_cut(nic.plug, false);
    world.run_for(12s);
  }
}

TEST_P(Failover, PathCutInOneDirectionIsLeftByBothEnds) {
  for (const bool is_outward : {true, false}) {
    begin_trouble();
    const SimNic nic = nic_in_use(*alice, *bob);
    if (is_outward) {
      world.network.set_most_out(nic.plug, 0);
    } else {
      world.network.set_most_in(nic.plug, 0);
    }
    world.run_for(4s);
    EXPECT_FALSE(is_on(*alice, *bob, nic.base)) << is_outward;
    expect_gap_below(700ms);
    EXPECT_FALSE(both_ends_on_one_path(*alice, *bob));
    world.network.set_most_out(nic.plug, SIZE_MAX);
    world.network.set_most_in(nic.plug, SIZE_MAX);
    world.run_for(12s);
  }
}

TEST_P(Failover, PathThatPassesChecksAndLosesDataIsLeft) {
  begin_trouble();
  const SimNic nic = nic_in_use(*alice, *bob);
  world.network.set_most_out(nic.plug, 500);
  world.run_for(4s);
  EXPECT_FALSE(is_on(*alice, *bob, nic.base));
  expect_gap_below(1s);
  EXPECT_FALSE(both_ends_on_one_path(*alice, *bob));
  const auto pairs = alice->peer_of(*bob)->agent()->pairs();
  EXPECT_EQ(std::count_if(pairs.begin(), pairs.end(), [](const auto& pair) { return pair.is_valid; }), 2)
      << "ICE has not noticed";
}

TEST_P(Failover, PathThatCarriesSmallerDatagramsIsKeptAndDataMadeToFit) {
  begin_trouble();
  const SimNic nic = nic_in_use(*alice, *bob);
  world.network.set_most_out(nic.plug, 1280 - 28);
  world.network.set_most_in(nic.plug, 1280 - 28);
  world.run_for(4s);
  EXPECT_TRUE(is_on(*alice, *bob, nic.base));
  EXPECT_EQ(alice->peer_of(*bob)->data_path()->mtu, 1280);
  expect_gap_below(2s);
}

TEST_P(Failover, LossIsNoDeath) {
  world.network.weather.loss = GetParam() % 2 ? 0.1 : 0.2;
  world.run_for(60s);
  EXPECT_EQ(alice->peer_of(*bob)->path_control().counters().paths_lost, 0u);
  EXPECT_EQ(bob->peer_of(*alice)->path_control().counters().paths_lost, 0u);
}

TEST_P(Failover, AJumpOfTheRoundTripIsNoDeath) {
  for (int round = 0; round < 5; ++round) {
    world.network.weather.delay = 150ms;
    world.run_for(5s);
    world.network.weather.delay = 5ms;
    world.run_for(5s);
  }
  EXPECT_EQ(alice->peer_of(*bob)->path_control().counters().paths_lost, 0u);
  EXPECT_EQ(bob->peer_of(*alice)->path_control().counters().paths_lost, 0u);
}

TEST_P(Failover, WithoutAnyPathTrafficIsBackWithinTwoSecondsOfTheFirst) {
  for (const Duration lasts : {2s, 6s, 12s, 30s}) {
    begin_trouble();
    std::vector<SimNic> nics = alice->nics();
    for (const SimNic& nic : nics)
      world.network.set_cut(nic.plug, true);
    world.run_for(lasts);
    const SteadyTime healed = world.now();
    world.network.set_cut(nics[1].plug, false);
    EXPECT_TRUE(world.run_until([&] { return arrived > healed; }, 2s)) << lasts / 1s;
    world.network.set_cut(nics[0].plug, false);
    world.run_for(20s);
  }
}

TEST_P(Failover, PeersThatDoNotKnowPathMessagesGoOnByIceAlone) {
  bob->path_messages = false;
  bob->restart();
  world.run_for(20s);
  EXPECT_FALSE(alice->peer_of(*bob)->path_control().is_enabled());
  begin_trouble();
  const SimNic nic = nic_in_use(*alice, *bob);
  world.network.set_cut(nic.plug, true);
  world.run_for(10s);
  EXPECT_FALSE(is_on(*alice, *bob, nic.base));
  EXPECT_LT(world.now() - arrived, 2s);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Failover, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace causeway::sim
