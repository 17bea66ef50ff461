// What two nodes announce decides how their packets travel, also after one of them has changed.

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

using crypto::AeadAlgorithm;

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

struct Abilities : ::testing::TestWithParam<std::uint64_t> {
  World world{GetParam()};
  SimNode& alice = world.add_node("alice", ip("203.0.113.100"), nullptr);
  SimNode& bob = world.add_node("bob", ip("203.0.113.101"), nullptr);

  void start() {
    for (SimNode* node : {&alice, &bob})
      node->start(world.server.make_token());
    ASSERT_TRUE(world.run_until([&] { return alice.is_online() && bob.is_online(); }, 5s));
  }
  bool crosses(SimNode& from, SimNode& to, std::uint8_t mark) {
    testing::PacketSpec spec;
    spec.source = from.virtual_address()->to_string();
    spec.destination = to.virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(100, mark);
    const Bytes packet = testing::build(spec);
    from.write_packet(packet);
    bool arrived = false;
    const auto look = [&] {
      for (const Bytes& received : to.take_received())
        arrived |= received == packet;
      return arrived;
    };
    return world.run_until(look, 5s);
  }
  bool agrees(const SimNode& node, const SimNode& other, std::optional<AeadAlgorithm> wanted) {
    const peer::Peer* peer = node.peer_of(other);
    return peer && peer->has_keypair() && peer->compact() == wanted;
  }
  /// Both ends use this from soon on, and packets cross both ways.
  void expect_format(std::optional<AeadAlgorithm> wanted) {
    EXPECT_TRUE(crosses(alice, bob, 1));
    EXPECT_TRUE(crosses(bob, alice, 2));
    EXPECT_TRUE(
        world.run_until([&] { return agrees(alice, bob, wanted) && agrees(bob, alice, wanted); }, 3s));
    EXPECT_TRUE(crosses(alice, bob, 3));
    EXPECT_TRUE(crosses(bob, alice, 4));
  }
  void restart(SimNode& node) {
    node.restart();
    ASSERT_TRUE(world.run_until([&] { return node.is_online(); }, 10s));
    world.run_for(1s);
  }
};

TEST_P(Abilities, TheFasterCipherIfBothHaveIt) {
  alice.aes_256_gcm = bob.aes_256_gcm = true;
  start();
  expect_format(AeadAlgorithm::aes_256_gcm);
}

TEST_P(Abilities, TheOtherCipherIfOneLacksIt) {
  alice.aes_256_gcm = true;
  start();
  expect_format(AeadAlgorithm::chacha20_poly1305);
}

TEST_P(Abilities, WireGuardsFormatIfOneKnowsNoOther) {
  bob.compact = false;
  start();
  expect_format(std::nullopt);
}

TEST_P(Abilities, ARestartedNodeMayHaveOthers) {
  start();
  expect_format(AeadAlgorithm::chacha20_poly1305);
  alice.compact = false;
  restart(alice);
  expect_format(std::nullopt);
  alice.compact = true;
  alice.aes_256_gcm = bob.aes_256_gcm = true;
  restart(bob);
  restart(alice);
  expect_format(AeadAlgorithm::aes_256_gcm);
  bob.aes_256_gcm = false;
  restart(bob);
  expect_format(AeadAlgorithm::chacha20_poly1305);
}

// Nobody can tell the other one; it learns from the format of what it gets.
TEST_P(Abilities, ARestartedNodeWithoutCompactMessagesIsAnsweredInItsFormatThoughNoServerTells) {
  start();
  expect_format(AeadAlgorithm::chacha20_poly1305);
  world.run_for(6s);  // stored
  world.server.crash();
  alice.compact = false;
  alice.restart();
  EXPECT_TRUE(crosses(alice, bob, 5));
  EXPECT_TRUE(crosses(bob, alice, 6));
  EXPECT_TRUE(agrees(alice, bob, std::nullopt));
}

TEST_P(Abilities, ARestartedNodeWithoutAesIsAnsweredInItsCipherThoughNoServerTells) {
  alice.aes_256_gcm = bob.aes_256_gcm = true;
  start();
  expect_format(AeadAlgorithm::aes_256_gcm);
  world.run_for(6s);  // stored
  world.server.crash();
  alice.aes_256_gcm = false;
  alice.restart();
  EXPECT_TRUE(crosses(alice, bob, 5));
  EXPECT_TRUE(crosses(bob, alice, 6));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Abilities, ::testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace causeway::sim
