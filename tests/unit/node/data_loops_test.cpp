// Which data loop a peer is given to.
#include <gtest/gtest.h>

#include <map>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "node/node.hpp"

namespace causeway::node {
namespace {

struct DataLoops : ::testing::Test {
  SeededRandom random{1};
  Now now{SteadyTime{1000s}, WallTime{1'790'000'000s}};
  std::map<dataplane::PeerId, unsigned> loop_of;  ///< as AddPeer says
  std::shared_ptr<const dataplane::ForwardingSnapshot> forwarding;

  Node::Options options(unsigned loops, int peers) {
    Node::Options made;
    made.keys = {crypto::generate_identity(random).secret, crypto::generate_session_keys(random).secret};
    made.static_address = *net::IpAddress::parse("10.99.0.1");
    made.static_prefix = *net::Prefix::parse("10.99.0.0/24");
    made.data_loops = loops;
    for (int i = 0; i < peers; ++i) {
      peer::PeerDescription stock;
      stock.kind = session::PeerKind::wireguard;
      stock.name = "wg-" + std::to_string(i);
      stock.virtual_address = *net::IpAddress::parse("10.99.0." + std::to_string(i + 2));
      stock.allowed_ips = {net::Prefix::containing(stock.virtual_address, 32)};
      stock.session_key = crypto::generate_session_keys(random).public_key;
      made.static_peers.push_back(std::move(stock));
    }
    return made;
  }
  void start(Node& node) {
    node.start(now);
    while (auto action = node.poll_action()) {
      auto* command = std::get_if<dataplane::Command>(&*action);
      if (command == nullptr) continue;
      if (const auto* add = std::get_if<dataplane::AddPeer>(command)) loop_of[add->peer] = add->loop;
      if (const auto* set = std::get_if<dataplane::SetForwarding>(command)) forwarding = set->table;
    }
  }
};

TEST_F(DataLoops, HaveEquallyManyPeers) {
  Node node(options(3, 7), random);
  start(node);
  std::map<unsigned, int> count;
  for (const auto& [peer, loop] : loop_of)
    ++count[loop];
  EXPECT_EQ(count, (std::map<unsigned, int>{{0, 3}, {1, 2}, {2, 2}}));
}

TEST_F(DataLoops, AreNamedWithEachForwardingEntry) {
  Node node(options(4, 6), random);
  start(node);
  ASSERT_EQ(forwarding->entries.size(), 6u);
  for (const auto& entry : forwarding->entries)
    EXPECT_EQ(entry.loop, loop_of.at(entry.peer));
}

TEST_F(DataLoops, AreOneUnlessTheDriverSaysMore) {
  EXPECT_EQ(Node::Options{}.data_loops, 1u);
  Node node(options(1, 3), random);
  start(node);
  for (const auto& [peer, loop] : loop_of)
    EXPECT_EQ(loop, 0u);
}

}  // namespace
}  // namespace causeway::node
