// Subscriptions through whole nodes and a whole server (spec M9/M10): friends who are not connected keep each
// other's addresses current, if they let each other.

#include <gtest/gtest.h>

#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

using protocol::SubscriptionState;

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

struct NodeSubscriptions : ::testing::Test {
  World world{11};
  SimNode& alice = world.add_node("alice", ip("203.0.113.100"), nullptr);
  SimNode& bob = world.add_node("bob", ip("203.0.113.101"), nullptr);

  void start() {
    for (SimNode* node : {&alice, &bob}) {
      node->start(world.server.make_token(node == &alice ? "Alice" : "Bob"));
      ASSERT_TRUE(world.run_until([&] { return node->is_online(); }, 5s));
    }
    ASSERT_TRUE(world.run_until([&] { return alice.peer_of(bob) && bob.peer_of(alice); }, 60s));
  }
  void befriend(SimNode& node, const std::string& other) {
    node.add_friend(other);
    ASSERT_TRUE(world.run_until([&] { return node.friend_answer().has_value(); }, 5s));
    EXPECT_EQ(node.friend_answer()->error, "");
  }
  static std::optional<SubscriptionState> state(const SimNode& node, const SimNode& of) {
    return node.node().link()->subscription(*of.virtual_address());
  }
  bool becomes(const SimNode& node, const SimNode& of, std::optional<SubscriptionState> wanted) {
    return world.run_until([&] { return state(node, of) == wanted; }, 5s);
  }
  /// What the server has told alice of bob: has he a host candidate of this address?
  bool knows(const char* address) {
    const peer::Peer* peer = alice.peer_of(bob);
    const auto* told = peer ? alice.node().told(peer->id()) : nullptr;
    if (!told) return false;
    return std::any_of(told->candidates.begin(), told->candidates.end(),
                       [&](const auto& candidate) { return candidate.address.address == ip(address); });
  }
};

TEST_F(NodeSubscriptions, FriendsHearOfNewAddressesWithoutAConnection) {
  start();
  EXPECT_EQ(state(alice, bob), std::nullopt) << "a stranger is of no use";
  befriend(alice, "bob");
  EXPECT_TRUE(becomes(alice, bob, SubscriptionState::refused)) << "he does not know her as a friend";
  befriend(bob, "alice");
  EXPECT_TRUE(becomes(alice, bob, SubscriptionState::accepted)) << "judged anew";
  EXPECT_TRUE(becomes(bob, alice, SubscriptionState::accepted));
  const SteadyTime moved = world.now();
  bob.add_nic(Realm::internet, ip("203.0.113.177"));
  EXPECT_TRUE(world.run_until([&] { return knows("203.0.113.177"); }, 5s));
  EXPECT_LT(world.now() - moved, 300ms) << "of the simulated Internet's delays";
  EXPECT_FALSE(alice.peer_of(bob)->agent()) << "still not connected";
}

TEST_F(NodeSubscriptions, EndWithTheFriendship) {
  start();
  befriend(alice, "bob");
  befriend(bob, "alice");
  ASSERT_TRUE(becomes(alice, bob, SubscriptionState::accepted));
  bob.remove_friend("alice");
  EXPECT_TRUE(becomes(alice, bob, SubscriptionState::refused));
  bob.add_nic(Realm::internet, ip("203.0.113.177"));
  world.run_for(2s);
  EXPECT_FALSE(knows("203.0.113.177"));
}

TEST_F(NodeSubscriptions, OfOneWhoLetsNobodyAreRefusedAndOfOneWhoLetsAllAreNot) {
  bob.subscriptions = node::SubscriptionPolicy::none;
  start();
  befriend(alice, "bob");
  befriend(bob, "alice");
  EXPECT_TRUE(becomes(alice, bob, SubscriptionState::refused));
  bob.set_subscription_policy(node::SubscriptionPolicy::all);
  EXPECT_TRUE(becomes(alice, bob, SubscriptionState::accepted)) << "without a restart";
  bob.remove_friend("alice");
  world.run_for(2s);
  EXPECT_EQ(state(alice, bob), SubscriptionState::accepted);
}

TEST_F(NodeSubscriptions, AreBackAfterAnOutageOfTheServer) {
  start();
  befriend(alice, "bob");
  befriend(bob, "alice");
  ASSERT_TRUE(becomes(alice, bob, SubscriptionState::accepted));
  world.server.crash();
  world.run_for(3s);
  bob.add_nic(Realm::internet, ip("203.0.113.177"));
  world.run_for(60s);
  world.server.restart();
  EXPECT_TRUE(world.run_until([&] { return knows("203.0.113.177"); }, 130s));
  EXPECT_TRUE(becomes(alice, bob, SubscriptionState::accepted));
}

}  // namespace
}  // namespace causeway::sim
