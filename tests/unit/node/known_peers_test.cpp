// What a node believes of the peers it stored, and what it stores of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "node/node.hpp"
#include "protocol/join_token.hpp"

namespace causeway::node {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

struct KnownPeers : ::testing::Test {
  SeededRandom random{1};
  Now now{SteadyTime{1000s}, WallTime{1'790'000'000s}};
  store::NodeKeys own{crypto::generate_identity(random).secret, crypto::generate_session_keys(random).secret};

  /// Another node, as it was stored.
  struct Other {
    crypto::IdentityKeys identity;
    protocol::NodeRecord record;
    store::KnownPeer known;
    void sign() { known.record = protocol::sign(record, identity.secret); }
  };
  Other other(const char* name, const char* address) {
    Other made{crypto::generate_identity(random), {}, {}};
    made.record.network = "home";
    made.record.name = name;
    made.record.identity = made.identity.public_key;
    made.record.virtual_addresses = {ip(address)};
    made.record.session_key = crypto::generate_session_keys(random).public_key;
    made.record.serial = 5;
    made.record.expires = WallTime{1'790'000'000s} + 24h;
    made.known.virtual_address = ip(address);
    made.known.user = "default";
    made.known.local_ufrag = "ours";
    made.known.remote_ufrag = "theirs";
    made.known.in_use = true;
    made.sign();
    return made;
  }
  Node::Options options(std::vector<store::KnownPeer> known) {
    protocol::JoinToken token;
    token.network = "home";
    token.servers = {{"198.51.100.1", 7443}};
    token.pins = {protocol::KeyPin{}};
    token.secret = to_base64url(Bytes(protocol::kTokenSecretBytes, 0xaa));
    Node::Options made;
    made.keys = own;
    made.state.enrolment = store::Enrolment{token.without_secret().format(), true, false};
    made.state.name = "n1";
    made.state.virtual_address = ip("10.10.0.101");
    made.state.on_link = net::Prefix::parse("10.10.0.0/24");
    made.friends.network = "home";
    made.known_peers = std::move(known);
    return made;
  }
  std::vector<std::string> names_after_start(std::vector<store::KnownPeer> known) {
    node.emplace(options(std::move(known)), random);
    node->start(now);
    std::vector<std::string> names;
    for (const auto& [id, peer] : node->peers())
      names.push_back(peer->description().name);
    return names;
  }
  std::optional<std::vector<store::KnownPeer>> saved_within(Duration limit) {
    std::optional<std::vector<store::KnownPeer>> saved;
    const SteadyTime end = now.steady + limit;
    while (true) {
      while (auto action = node->poll_action()) {
        if (auto* save = std::get_if<SaveKnownPeers>(&*action)) saved = std::move(save->peers);
      }
      const auto next = node->next_timeout();
      if (saved || !next || *next > end) return saved;
      now.wall += std::max(*next - now.steady, Duration{});
      now.steady = std::max(*next, now.steady);
      node->on_timeout(now);
    }
  }
  std::optional<Node> node;
};

TEST_F(KnownPeers, AreThereBeforeTheServerAnswers) {
  auto bob = other("bob", "10.10.0.102");
  auto eve = other("eve", "10.10.0.103");
  eve.known.in_use = false;
  EXPECT_THAT(names_after_start({bob.known, eve.known}), UnorderedElementsAre("bob", "eve"));
  const auto* peer = node->find_peer("bob");
  EXPECT_EQ(peer->state(), peer::PeerState::connecting) << "one in use is called at once";
  ASSERT_TRUE(peer->agent());
  EXPECT_EQ(peer->agent()->remote_ufrag(), "theirs");
  EXPECT_NE(peer->agent()->local_credentials().ufrag, "ours") << "a start is a new generation";
  EXPECT_THAT(peer->ufrags(), testing::Contains("ours"));
  EXPECT_EQ(node->find_peer("eve")->state(), peer::PeerState::idle);
}

TEST_F(KnownPeers, AreSoughtWithTheServersThatWereNamedBeforeTheRestart) {
  auto made = options({});
  made.state.stun_servers = {*net::Endpoint::parse("192.0.2.9:3478")};
  made.state.turn_servers = {{"turn:192.0.2.9", "1:a", "p", 1'789'999'999},
                             {"turn:192.0.2.8", "2:a", "p", 1'790'000'001},
                             {"turn:192.0.2.7", "static", "p", 0}};
  node.emplace(std::move(made), random);
  node->start(now);
  std::vector<std::string> relays, stun;
  while (auto action = node->poll_action()) {
    if (const auto* update = std::get_if<UpdateRelays>(&*action)) {
      for (const auto& server : update->turn_servers)
        relays.push_back(server.uri);
    }
    if (const auto* update = std::get_if<UpdateSources>(&*action)) {
      for (const auto& server : update->stun_servers)
        stun.push_back(server.to_string());
    }
  }
  EXPECT_THAT(relays, testing::ElementsAre("turn:192.0.2.8", "turn:192.0.2.7"))
      << "credentials that have not ended";
  EXPECT_THAT(stun, testing::ElementsAre("192.0.2.9:3478"));
}

TEST_F(KnownPeers, AnnounceTheirIpv6AddressOrAreNotBelieved) {
  auto bob = other("bob", "10.10.0.102");
  bob.record.virtual_addresses.push_back(ip("fd12:3456:789a::a0a:66"));
  bob.sign();
  auto eve = other("eve", "10.10.0.103");
  eve.record.virtual_addresses.push_back(ip("fd12:3456:789a::a0a:66"));  // bob's
  eve.sign();
  auto joe = other("joe", "10.10.0.104");  // of an earlier version
  auto made = options({bob.known, eve.known, joe.known});
  made.state.on_link6 = net::Prefix::parse("fd12:3456:789a::/64");
  node.emplace(std::move(made), random);
  node->start(now);
  EXPECT_EQ(node->find_peer("eve"), nullptr);
  ASSERT_NE(node->find_peer("fd12:3456:789a::a0a:66"), nullptr);
  EXPECT_EQ(node->find_peer("fd12:3456:789a::a0a:66"), node->find_peer("bob"));
  EXPECT_EQ(node->find_peer("joe")->description().virtual_address6, std::nullopt);
  std::vector<std::string> names;
  while (auto action = node->poll_action()) {
    if (const auto* publish = std::get_if<PublishNames>(&*action)) {
      names.clear();
      for (const auto& [name, address] : publish->names)
        names.push_back(name + " " + address.to_string());
    }
  }
  EXPECT_THAT(names, UnorderedElementsAre("n1 10.10.0.101", "n1 fd12:3456:789a::a0a:65", "bob 10.10.0.102",
                                          "bob fd12:3456:789a::a0a:66", "joe 10.10.0.104"));
}

TEST_F(KnownPeers, WithoutATrueSignatureAreNobody) {
  auto forged = other("bob", "10.10.0.102");
  forged.known.record.signature[3] ^= 1;
  auto elsewhere = other("eve", "10.10.0.103");
  elsewhere.record.network = "away";
  elsewhere.sign();
  auto renumbered = other("joe", "10.10.0.104");
  renumbered.known.virtual_address = ip("10.10.0.105");
  auto outside = other("ann", "192.0.2.7");
  auto garbage = other("sue", "10.10.0.106");
  garbage.known.record.body = "{";
  EXPECT_THAT(
      names_after_start({forged.known, elsewhere.known, renumbered.known, outside.known, garbage.known}),
      IsEmpty());
}

TEST_F(KnownPeers, ExpiredOrOutdatedAreNotBelievedAgain) {
  auto expired = other("bob", "10.10.0.102");
  expired.record.expires = now.wall;
  expired.sign();
  auto eve = other("eve", "10.10.0.103");
  auto former_eve = eve;
  former_eve.record.serial = 4;
  former_eve.record.session_key = crypto::generate_session_keys(random).public_key;
  former_eve.sign();
  EXPECT_THAT(names_after_start({expired.known, eve.known, former_eve.known}), UnorderedElementsAre("eve"));
  EXPECT_EQ(node->find_peer("eve")->description().session_key, eve.record.session_key);
}

TEST_F(KnownPeers, WhoIsOurselvesIsNoPeer) {
  auto self = other("n1", "10.10.0.102");
  self.identity.secret = own.identity;
  self.record.identity = crypto::derive_public(own.identity);
  self.sign();
  EXPECT_THAT(names_after_start({self.known}), IsEmpty());
}

TEST_F(KnownPeers, OfOneAddressTheLastIsThePeer) {
  auto bob = other("bob", "10.10.0.102");
  auto heir = other("heir", "10.10.0.102");
  EXPECT_THAT(names_after_start({bob.known, heir.known}), UnorderedElementsAre("heir"));
}

TEST_F(KnownPeers, InPlaceOfAFriendAreBlockedAsEver) {
  auto bob = other("bob", "10.10.0.102");
  auto made = options({bob.known});
  made.friends.friends = {
      {"bob",
       true,
       true,
       {{crypto::generate_identity(random).public_key, "bob", ip("10.10.0.102"), 1, false}}}};
  node.emplace(std::move(made), random);
  node->start(now);
  EXPECT_EQ(node->find_peer("bob")->state(), peer::PeerState::blocked);
  const auto saved = saved_within(10s);
  EXPECT_TRUE(!saved || saved->empty()) << "nor are they stored";
}

TEST_F(KnownPeers, AfterLeavingAreNotRead) {
  auto made = options({other("bob", "10.10.0.102").known});
  made.state.enrolment->left = true;
  node.emplace(std::move(made), random);
  node->start(now);
  EXPECT_THAT(node->peers(), IsEmpty());
}

TEST_F(KnownPeers, TheNewGenerationIsStoredSoon) {
  auto bob = other("bob", "10.10.0.102");
  bob.known.paths = {{ip("192.0.2.1"), *net::Endpoint::parse("198.51.100.9:4000")}};
  bob.known.past_remote_ufrags = {"older"};
  names_after_start({bob.known});
  const auto saved = saved_within(1s);
  ASSERT_TRUE(saved);
  ASSERT_THAT(*saved, SizeIs(1));
  const store::KnownPeer& kept = saved->front();
  EXPECT_EQ(kept.record, bob.known.record);
  EXPECT_EQ(kept.user, "default");
  EXPECT_TRUE(kept.in_use);
  EXPECT_EQ(kept.local_ufrag, node->find_peer("bob")->agent()->local_credentials().ufrag);
  EXPECT_EQ(kept.remote_ufrag, "theirs");
  EXPECT_EQ(kept.past_remote_ufrags, bob.known.past_remote_ufrags);
  EXPECT_EQ(kept.paths, bob.known.paths);
  EXPECT_FALSE(saved_within(60s)) << "nothing new, nothing written";
}

TEST_F(KnownPeers, ManyAreNotAllCalledAtOnce) {
  auto made = options({});
  made.state.on_link = net::Prefix::parse("10.10.0.0/16");
  for (int i = 0; i < 400; ++i) {
    const std::string name = fmt::format("n{}", i + 2);
    const std::string address = fmt::format("10.10.{}.{}", 2 + i / 200, 1 + i % 200);
    made.known_peers.push_back(other(name.c_str(), address.c_str()).known);
  }
  node.emplace(std::move(made), random);
  node->start(now);
  EXPECT_THAT(node->peers(), SizeIs(400));
  std::size_t called = 0;
  for (const auto& [id, peer] : node->peers())
    called += peer->agent() != nullptr;
  EXPECT_EQ(called, 256u);
}

}  // namespace
}  // namespace causeway::node
