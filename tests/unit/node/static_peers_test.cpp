// A node with stock WireGuard peers and an address of its own, as configured.
#include <gtest/gtest.h>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "node/node.hpp"

namespace causeway::node {
namespace {

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }
net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }

struct StaticPeers : ::testing::Test {
  SeededRandom random{1};
  Now now{SteadyTime{1000s}, WallTime{1'790'000'000s}};

  Node::Options options() {
    Node::Options made;
    made.keys = {crypto::generate_identity(random).secret, crypto::generate_session_keys(random).secret};
    made.static_address = ip("10.99.0.1");
    made.static_prefix = prefix("10.99.0.0/24");
    peer::PeerDescription stock;
    stock.kind = session::PeerKind::wireguard;
    stock.name = "wg-stock";
    stock.virtual_address = ip("10.99.0.2");
    stock.allowed_ips = {prefix("10.99.0.2/32"), prefix("192.168.77.0/24")};
    stock.session_key = crypto::generate_session_keys(random).public_key;
    made.static_peers = {stock};
    return made;
  }

  std::vector<std::string> interface_actions;  ///< in order
  std::shared_ptr<const dataplane::ForwardingSnapshot> forwarding;
  void obey(Node& node) {
    while (auto action = node.poll_action()) {
      if (const auto* configure = std::get_if<ConfigureInterface>(&*action)) {
        interface_actions.push_back(configure->address.to_string() + " in " + configure->on_link.to_string());
      } else if (const auto* route = std::get_if<AddRoute>(&*action)) {
        EXPECT_EQ(route->mtu, 1420);
        interface_actions.push_back("route " + route->destination.to_string());
      } else if (const auto* command = std::get_if<dataplane::Command>(&*action)) {
        if (const auto* set = std::get_if<dataplane::SetForwarding>(command)) forwarding = set->table;
      }
    }
  }
};

TEST_F(StaticPeers, WithoutAServerTheConfiguredAddressAndRoutesAreSet) {
  Node node(options(), random);
  node.start(now);
  obey(node);
  EXPECT_EQ(interface_actions, (std::vector<std::string>{"10.99.0.1 in 10.99.0.0/24", "route 10.99.0.2/32",
                                                         "route 192.168.77.0/24"}));
  ASSERT_TRUE(forwarding);
  EXPECT_EQ(forwarding->local_addresses, std::vector{ip("10.99.0.1")});
  ASSERT_EQ(forwarding->entries.size(), 2u);
  EXPECT_EQ(forwarding->entries[1].prefix, prefix("192.168.77.0/24"));
  EXPECT_EQ(node.virtual_address(), ip("10.99.0.1"));
  EXPECT_EQ(node.link(), nullptr);
  ASSERT_NE(node.find_peer("10.99.0.2"), nullptr);
  EXPECT_EQ(node.find_peer("wg-stock")->state(), peer::PeerState::idle);
}

TEST_F(StaticPeers, TheServersAddressTakesThePlaceOfTheConfiguredOne) {
  auto given = options();
  given.state.enrolment = store::Enrolment{.token = "not read here", .enrolled = true};
  given.state.virtual_address = ip("10.10.0.101");
  given.state.on_link = prefix("10.10.0.0/24");
  Node node(std::move(given), random);
  node.start(now);
  obey(node);
  EXPECT_EQ(interface_actions, (std::vector<std::string>{"10.10.0.101 in 10.10.0.0/24", "route 10.99.0.2/32",
                                                         "route 192.168.77.0/24"}));
  EXPECT_EQ(forwarding->local_addresses, std::vector{ip("10.10.0.101")});
  EXPECT_EQ(node.virtual_address(), ip("10.10.0.101"));
}

TEST_F(StaticPeers, ANodeThatLeftHasTheConfiguredAddress) {
  auto given = options();
  given.state.enrolment = store::Enrolment{.token = "not read here", .enrolled = true, .left = true};
  Node node(std::move(given), random);
  node.start(now);
  obey(node);
  EXPECT_EQ(interface_actions.front(), "10.99.0.1 in 10.99.0.0/24");
  EXPECT_EQ(node.virtual_address(), ip("10.99.0.1"));
}

}  // namespace
}  // namespace causeway::node
