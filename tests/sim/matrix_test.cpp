// NAT by NAT: which pair two nodes settle on, for every combination of RFC 4787 mapping and filtering on both
// sides.

#include <gtest/gtest.h>

#include <string>

#include "support/packet_builder.hpp"
#include "tests/sim/matrix.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

std::string_view type_name(ice::CandidateType type) { return ice::to_string(type); }

/// The pair that `one` uses towards `two` after both had time; "none" if they are unreachable.
std::string pair_between(const NatBehaviour& ours, const NatBehaviour& theirs, std::uint64_t seed) {
  World world(seed);
  Nat& left = world.add_household(ip("198.51.100.1"), ours.mapping, ours.filtering);
  Nat& right = world.add_household(ip("203.0.113.1"), theirs.mapping, theirs.filtering);
  SimNode& one = world.add_node("alice", ip("192.168.0.100"), &left);
  SimNode& two = world.add_node("bob", ip("172.16.13.11"), &right);
  one.start(world.server.make_token());
  two.start(world.server.make_token());
  world.run_until([&] { return one.is_online() && two.is_online(); }, 5s);
  world.run_for(2s);
  testing::PacketSpec spec;
  spec.source = one.virtual_address()->to_string();
  spec.destination = two.virtual_address()->to_string();
  spec.tcp = false;
  one.write_packet(testing::build(spec));
  world.run_for(20s);
  const peer::Peer* peer = one.peer_of(two);
  if (!peer) return "unknown";
  const bool arrived = !two.take_received().empty();
  if (peer->state() == peer::PeerState::unreachable && !arrived) return "none";
  const auto selected = peer->paths().selected();
  const auto view = selected ? peer->agent()->pair(*selected) : std::nullopt;
  if (!view || !arrived) return std::string("stuck, ") + std::string(peer::to_string(peer->state()));
  return std::string(type_name(view->local.type)) + "-" + std::string(type_name(view->remote.type));
}

class NatMatrix : public ::testing::TestWithParam<int> {};

/// Both roles: the seed decides who controls.
TEST_P(NatMatrix, RowIsAsExpected) {
  const NatBehaviour ours = nat_kind(GetParam());
  for (int column = 0; column < kNatKinds; ++column) {
    const NatBehaviour theirs = nat_kind(column);
    for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
      EXPECT_EQ(pair_between(ours, theirs, seed), expected_pair(ours, theirs))
          << nat_kind_name(GetParam()) << " to " << nat_kind_name(column) << ", seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, NatMatrix, ::testing::Range(0, kNatKinds));

TEST(NatMatrixTable, IsSymmetric) {
  for (int row = 0; row < kNatKinds; ++row) {
    for (int column = 0; column < kNatKinds; ++column) {
      const std::string_view ours = expected_pair(nat_kind(row), nat_kind(column));
      const std::string_view theirs = expected_pair(nat_kind(column), nat_kind(row));
      if (ours == "none") {
        EXPECT_EQ(theirs, "none");
      } else {
        EXPECT_EQ(ours.substr(0, 5), theirs.substr(6)) << row << ' ' << column;
      }
    }
  }
}

}  // namespace
}  // namespace causeway::sim
