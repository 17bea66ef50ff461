// Friends through whole nodes and a whole server (spec U3.4, V5): who reaches whom, and that nobody takes a
// friend's place, whatever the server says.

#include <gtest/gtest.h>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "protocol/messages.hpp"
#include "protocol/rpc.hpp"
#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

const peer::Peer* peer_of(SimNode& node, const std::string& name) { return node.node().find_peer(name); }

bool is_blocked(SimNode& node, const std::string& name) {
  const peer::Peer* peer = peer_of(node, name);
  return peer && peer->state() == peer::PeerState::blocked && peer->state_reason() == "identity changed";
}

bool is_friend(SimNode& node, const std::string& name) {
  const peer::Peer* peer = peer_of(node, name);
  return peer && node.node().friends().is_friend(peer->description().identity);
}

/// Alice and Bob, users with a node each, on the Internet; Carol comes where a test wants her.
struct FriendsOfNodes : ::testing::Test {
  void raise(bool friends_only) {
    world = std::make_unique<World>(7, ServerHost::Options{.friends_only = friends_only});
    alice = join("alice", "192.0.2.101", "Alice");
    bob = join("bob", "192.0.2.102", "Bob");
  }
  SimNode* join(const std::string& name, const char* address, const std::string& user) {
    SimNode& node = world->add_node(name, ip(address), nullptr);
    node.start(world->server.make_token(user));
    EXPECT_TRUE(world->run_until([&] { return node.is_online(); }, 5s)) << name;
    world->run_for(1s);
    return &node;
  }
  /// The error, empty when it worked.
  std::string add(SimNode& node, const std::string& name, std::optional<crypto::IdentityPublicKey> key = {}) {
    node.add_friend(name, key);
    EXPECT_TRUE(world->run_until([&] { return node.friend_answer().has_value(); }, 5s));
    return node.friend_answer() ? node.friend_answer()->error : "no answer";
  }
  std::string remove(SimNode& node, const std::string& name) {
    node.remove_friend(name);
    EXPECT_TRUE(world->run_until([&] { return node.friend_answer().has_value(); }, 5s));
    return node.friend_answer() ? node.friend_answer()->error : "no answer";
  }
  void befriend() {
    ASSERT_EQ(add(*alice, "bob"), "");
    ASSERT_EQ(add(*bob, "alice"), "");
    world->run_for(1s);
  }
  bool crosses(SimNode& from, SimNode& to) {
    if (!from.virtual_address() || !to.virtual_address()) return false;
    testing::PacketSpec spec;
    spec.source = from.virtual_address()->to_string();
    spec.destination = to.virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(50, ++mark);
    const Bytes packet = testing::build(spec);
    (void)to.take_received();
    from.write_packet(packet);
    bool arrived = false;
    world->run_until(
        [&] {
          for (const Bytes& received : to.take_received())
            arrived |= received == packet;
          return arrived;
        },
        5s);
    return arrived;
  }
  /// The administrator (or a server that lies) gives the name, and the address, to another identity.
  SimNode* replace_bob(const std::string& user = "Bob") {
    world->server.administer("admin.node.remove", {{"name", "bob"}});
    bob->kill();
    world->run_for(1s);
    SimNode& other = world->add_node("bob", ip("192.0.2.66"), nullptr);
    other.start(world->server.make_token(user));
    EXPECT_TRUE(world->run_until([&] { return other.is_online(); }, 5s));
    world->run_for(31s);  // the directory is asked again every 30 s
    return &other;
  }

  std::unique_ptr<World> world;
  SimNode* alice = nullptr;
  SimNode* bob = nullptr;
  std::uint8_t mark = 0;
};

TEST_F(FriendsOfNodes, InAnOrdinaryNetworkAFriendIsMarkedAndPinned) {
  raise(false);
  ASSERT_TRUE(crosses(*alice, *bob));
  EXPECT_FALSE(is_friend(*alice, "bob"));
  ASSERT_EQ(add(*alice, "bob"), "");
  world->run_for(1s);
  EXPECT_TRUE(is_friend(*alice, "bob"));
  EXPECT_FALSE(is_friend(*bob, "alice")) << "the list is directed";
  const store::Friend* known = alice->node().friends().find("Bob");
  ASSERT_TRUE(known);
  EXPECT_FALSE(known->mutual);
  ASSERT_EQ(known->pins.size(), 1u);
  EXPECT_EQ(known->pins[0].identity, bob->node().identity());
  EXPECT_TRUE(crosses(*alice, *bob));
}

TEST_F(FriendsOfNodes, AreReadAtStartAndSurviveACrash) {
  raise(false);
  befriend();
  alice->restart();
  EXPECT_TRUE(alice->node().friends().find("Bob")) << "before the server says anything";
  ASSERT_TRUE(world->run_until([&] { return is_friend(*alice, "bob"); }, 10s));
  EXPECT_TRUE(alice->node().friends().find("Bob")->mutual);
}

TEST_F(FriendsOfNodes, WhoIsNobodysUserIsAnErrorThatSaysTheNextStep) {
  raise(false);
  const std::string error = add(*alice, "nobody");
  EXPECT_NE(error.find("nobody"), std::string::npos) << error;
  EXPECT_NE(error.find("causeway peers"), std::string::npos) << error;
  world->server.crash();
  world->run_for(3s);
  EXPECT_NE(add(*alice, "bob").find("try again"), std::string::npos);
}

TEST_F(FriendsOfNodes, StrangersInAFriendsOnlyNetworkDoNotMeetUntilBothAdd) {
  raise(true);
  world->run_for(35s);
  EXPECT_FALSE(peer_of(*alice, "bob"));
  EXPECT_FALSE(crosses(*alice, *bob));
  ASSERT_EQ(add(*alice, "bob"), "");
  EXPECT_FALSE(crosses(*alice, *bob)) << "one side is not enough";
  ASSERT_EQ(add(*bob, "alice"), "");
  EXPECT_TRUE(crosses(*alice, *bob));
  EXPECT_TRUE(crosses(*bob, *alice));
}

TEST_F(FriendsOfNodes, TakingAFriendOffCutsWithinSeconds) {
  raise(true);
  befriend();
  ASSERT_TRUE(crosses(*alice, *bob));
  ASSERT_EQ(remove(*bob, "alice"), "");
  EXPECT_TRUE(world->run_until([&] { return !peer_of(*alice, "bob") && !peer_of(*bob, "alice"); }, 5s));
  EXPECT_FALSE(crosses(*alice, *bob));
  world->run_for(60s);
  EXPECT_FALSE(peer_of(*alice, "bob")) << "and it does not come back by itself";
  ASSERT_EQ(add(*bob, "alice"), "");
  EXPECT_TRUE(crosses(*alice, *bob));
}

TEST_F(FriendsOfNodes, ARemovalMissedWhileOfflineCutsOnReturn) {
  raise(true);
  befriend();
  SimNode* second = join("alice2", "192.0.2.103", "Alice");
  ASSERT_TRUE(crosses(*second, *bob));
  // Alice's second node hears nothing of the removal; its tunnel to Bob needs no server.
  second->kill();
  ASSERT_EQ(remove(*alice, "bob"), "");
  second->restart();
  ASSERT_TRUE(world->run_until([&] { return second->is_online(); }, 10s));
  world->run_for(1s);
  EXPECT_FALSE(peer_of(*second, "bob"));
  EXPECT_FALSE(crosses(*second, *bob));
}

// ---- whoever stands in a friend's place ----

TEST_F(FriendsOfNodes, AnotherIdentityUnderAFriendsNameIsBlocked) {
  raise(false);
  befriend();
  ASSERT_TRUE(crosses(*alice, *bob));
  SimNode* other = replace_bob();
  EXPECT_TRUE(is_blocked(*alice, "bob"));
  EXPECT_FALSE(crosses(*alice, *other));
  EXPECT_FALSE(crosses(*other, *alice)) << "in neither direction";
  EXPECT_FALSE(is_friend(*alice, "bob"));
  // Who has not pinned him has no reason to refuse.
  SimNode* carol = join("carol", "192.0.2.103", "Carol");
  EXPECT_TRUE(crosses(*carol, *other));
}

TEST_F(FriendsOfNodes, AnImpostorsHandshakesAreRefusedAndCounted) {
  raise(false);
  befriend();
  ASSERT_TRUE(crosses(*alice, *bob));
  SimNode* other = replace_bob("Mallory");
  ASSERT_TRUE(is_blocked(*alice, "bob")) << "whoever the server says he belongs to";
  EXPECT_EQ(peer_of(*alice, "bob")->agent(), nullptr);
  EXPECT_FALSE(crosses(*other, *alice));
  EXPECT_FALSE(peer_of(*alice, "bob")->last_handshake());
}

TEST_F(FriendsOfNodes, ARestartOrTheServersListDoesNotUnpin) {
  raise(false);
  befriend();
  SimNode* other = replace_bob();
  ASSERT_TRUE(is_blocked(*alice, "bob"));
  alice->restart();
  ASSERT_TRUE(world->run_until([&] { return is_blocked(*alice, "bob"); }, 10s));
  // Another node of Alice takes Bob off the list: what this one has pinned is its own business.
  SimNode* second = join("alice2", "192.0.2.103", "Alice");
  ASSERT_EQ(remove(*second, "Bob"), "");
  world->run_for(31s);
  EXPECT_TRUE(is_blocked(*alice, "bob"));
  EXPECT_FALSE(crosses(*alice, *other));
}

/// What a lying server can say: a node of this name and address, signed by an identity that it has made
/// itself.
std::string forged_description(World& world, const char* name, net::IpAddress address,
                               const crypto::SessionPublicKey& session_key) {
  const auto keys = crypto::generate_identity(world.random);
  protocol::NodeRecord record;
  record.network = "demo";
  record.name = name;
  record.identity = keys.public_key;
  record.virtual_addresses = {address};
  record.session_key = session_key;
  record.serial = 1'000'000'000;
  record.expires = world.server.now().wall + std::chrono::hours(24);
  protocol::NodeInfo node{address, name, true, protocol::sign(record, keys.secret), {}, "Bob"};
  return protocol::make_notification(protocol::method::kPeerChanged,
                                     protocol::PeerChanged{std::move(node)}.to_json());
}

TEST_F(FriendsOfNodes, AServersWordDoesNotEndTheSessionWithTheTrueNode) {
  raise(false);
  befriend();
  ASSERT_TRUE(crosses(*alice, *bob));
  const auto other_key = crypto::generate_session_keys(world->random).public_key;
  const auto bobs_key = bob->node().session_keys().public_key;
  for (const auto& session_key : {other_key, bobs_key}) {
    alice->node().on_server_line(forged_description(*world, "bob", *bob->virtual_address(), session_key),
                                 world->server.now());
    EXPECT_TRUE(crosses(*alice, *bob));
    EXPECT_TRUE(crosses(*bob, *alice));
  }
  EXPECT_EQ(alice->node().counters().impostors, 2u);
  EXPECT_TRUE(is_friend(*alice, "bob"));
}

TEST_F(FriendsOfNodes, TheTrueNodeTakesItsPlaceBackFromAnImpostor) {
  raise(false);
  befriend();
  const auto other_key = crypto::generate_session_keys(world->random).public_key;
  alice->node().on_server_line(forged_description(*world, "bob", *bob->virtual_address(), other_key),
                               world->server.now());
  world->run_for(1s);
  ASSERT_TRUE(is_blocked(*alice, "bob"));
  // The server tells the truth again: the directory is asked every 30 s.
  world->run_for(31s);
  EXPECT_FALSE(is_blocked(*alice, "bob"));
  EXPECT_TRUE(is_friend(*alice, "bob"));
  EXPECT_TRUE(crosses(*alice, *bob));
}

TEST_F(FriendsOfNodes, AnImpostorElsewhereLeavesTheTrueNodeAlone) {
  raise(false);
  befriend();
  ASSERT_TRUE(crosses(*alice, *bob));
  const auto other_key = crypto::generate_session_keys(world->random).public_key;
  alice->node().on_server_line(forged_description(*world, "bob", ip("10.10.0.200"), other_key),
                               world->server.now());
  world->run_for(1s);
  EXPECT_TRUE(crosses(*alice, *bob));
  EXPECT_FALSE(is_blocked(*alice, "bob")) << "by name the true one is found";
  EXPECT_TRUE(is_blocked(*alice, "10.10.0.200"));
}

TEST_F(FriendsOfNodes, RemovingAndAddingAcceptsTheNewIdentity) {
  raise(false);
  befriend();
  SimNode* other = replace_bob();
  ASSERT_TRUE(is_blocked(*alice, "bob"));
  ASSERT_EQ(remove(*alice, "bob"), "");
  ASSERT_EQ(add(*alice, "bob"), "");
  world->run_for(1s);
  EXPECT_TRUE(is_friend(*alice, "bob"));
  EXPECT_TRUE(crosses(*alice, *other));
  EXPECT_TRUE(crosses(*other, *alice));
}

TEST_F(FriendsOfNodes, AKeyGivenByTheUserAdmitsNobodyElse) {
  raise(false);
  ASSERT_TRUE(crosses(*alice, *bob));
  crypto::IdentityPublicKey wrong = bob->node().identity();
  wrong.bytes[5] ^= 1;
  ASSERT_EQ(add(*alice, "Bob", wrong), "");
  world->run_for(1s);
  EXPECT_TRUE(is_blocked(*alice, "bob"));
  EXPECT_FALSE(crosses(*bob, *alice));
  ASSERT_EQ(add(*alice, "Bob", bob->node().identity()), "");
  world->run_for(1s);
  EXPECT_TRUE(is_friend(*alice, "bob"));
  EXPECT_TRUE(crosses(*alice, *bob));
  EXPECT_TRUE(crosses(*bob, *alice));
}

}  // namespace
}  // namespace causeway::sim
