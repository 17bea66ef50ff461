// Every NAT behaviour of RFC 4787 against every other: 9 x 9, both roles. Direct where theory allows, failed
// elsewhere.
#include <gtest/gtest.h>

#include "ice_world.hpp"

namespace causeway::ice {
namespace {

constexpr auto EI = Dependence::endpoint_independent;
constexpr auto AD = Dependence::address_dependent;
constexpr auto APD = Dependence::address_and_port_dependent;

constexpr NatBehaviour kBehaviours[]{{EI, EI},  {EI, AD},  {EI, APD}, {AD, EI},  {AD, AD},
                                     {AD, APD}, {APD, EI}, {APD, AD}, {APD, APD}};

/// Each side knows one address of the other: the mapping made towards the STUN server.
bool is_direct_possible(const NatBehaviour& a, const NatBehaviour& b) {
  // Both mappings are the ones that were signalled: both sides' checks open their own filters.
  if (a.mapping == EI && b.mapping == EI) return true;
  // One side sends from a port that nobody foretold: the other's filter must not ask for the port.
  if (b.mapping == EI) return b.filtering != APD;
  if (a.mapping == EI) return a.filtering != APD;
  // Both do. The signalled mapping is another than the one checks leave from, so only a filter that lets
  // everyone in allows first contact; the answer comes from yet another port, so the sender's filter may not
  // ask for it; and one side's mapping must stay when the other's port changes, or they miss each other for
  // ever.
  const bool is_contact_possible =
      (b.filtering == EI && a.filtering != APD) || (a.filtering == EI && b.filtering != APD);
  return is_contact_possible && (a.mapping == AD || b.mapping == AD);
}

struct Cell {
  NatBehaviour a, b;
  Role a_role;
};

class NatMatrix : public testing::TestWithParam<Cell> {};

TEST_P(NatMatrix, PairIsDirectWhereTheoryAllows) {
  const Cell& cell = GetParam();
  World world;
  Nat& nat_a = world.make_nat("203.0.113.1", cell.a);
  Nat& nat_b = world.make_nat("203.0.113.2", cell.b);
  Terminal& a = world.make_terminal("a", cell.a_role, 2);
  Terminal& b =
      world.make_terminal("b", cell.a_role == Role::controlling ? Role::controlled : Role::controlling, 1);
  a.nat = &nat_a;
  b.nat = &nat_b;
  const auto base_a = world.add_host(a, "192.168.0.100:4000");
  const auto base_b = world.add_host(b, "172.16.13.11:4000");
  world.add_reflexive(a, base_a);
  world.add_reflexive(b, base_b);
  world.introduce(a, b);

  const bool is_connected =
      world.run_until(15s, [&] { return !a.valid_pairs().empty() && !b.valid_pairs().empty(); });
  ASSERT_EQ(is_connected, is_direct_possible(cell.a, cell.b));
  if (!is_connected) {
    EXPECT_EQ(a.agent->state(), AgentState::failed);
    EXPECT_EQ(b.agent->state(), AgentState::failed);
    return;
  }

  Terminal& controlling = cell.a_role == Role::controlling ? a : b;
  Terminal& controlled = cell.a_role == Role::controlling ? b : a;
  controlling.agent->nominate(controlling.valid_pairs()[0].id, world.now());
  ASSERT_TRUE(world.run_until(2s, [&] {
    return controlling.agent->state() == AgentState::completed &&
           controlled.agent->state() == AgentState::completed;
  }));
  const PairView at_a = *a.nominated_pair();
  const PairView at_b = *b.nominated_pair();
  // What each side holds is what the other calls its own, seen through both NATs.
  EXPECT_EQ(at_a.remote.address, at_b.local.address);
  EXPECT_EQ(at_b.remote.address, at_a.local.address);
  EXPECT_EQ(at_a.local.base_address, at("192.168.0.100:4000"));
  EXPECT_EQ(at_b.local.base_address, at("172.16.13.11:4000"));
  const auto expected = [](const NatBehaviour& nat) {
    return nat.mapping == EI ? CandidateType::server_reflexive : CandidateType::peer_reflexive;
  };
  EXPECT_EQ(at_a.local.type, expected(cell.a));
  EXPECT_EQ(at_b.remote.type, expected(cell.a));
  EXPECT_EQ(at_b.local.type, expected(cell.b));
  EXPECT_EQ(at_a.remote.type, expected(cell.b));
}

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  for (const auto& a : kBehaviours) {
    for (const auto& b : kBehaviours) {
      for (const Role role : {Role::controlling, Role::controlled}) {
        cells.push_back({a, b, role});
      }
    }
  }
  return cells;
}

INSTANTIATE_TEST_SUITE_P(Rfc4787, NatMatrix, testing::ValuesIn(all_cells()), [](const auto& cell) {
  const auto words = [](const NatBehaviour& nat) {
    return to_string(nat.mapping) + "map" + to_string(nat.filtering);
  };
  return words(cell.param.a) + "_" + words(cell.param.b) +
         (cell.param.a_role == Role::controlling ? "_controlling" : "_controlled");
});

TEST(NatCases, TwoHostsOfOneLanUseTheirHostPair) {
  World world;
  Nat& nat = world.make_nat("203.0.113.1", {EI, APD});
  Terminal& a = world.make_terminal("a", Role::controlling, 2);
  Terminal& b = world.make_terminal("b", Role::controlled, 1);
  a.nat = b.nat = &nat;
  world.add_reflexive(a, world.add_host(a, "192.168.0.100:4000"));
  world.add_reflexive(b, world.add_host(b, "192.168.0.101:4000"));
  world.introduce(a, b);
  ASSERT_TRUE(world.run_until(1s, [&] { return !a.valid_pairs().empty() && !b.valid_pairs().empty(); }));
  EXPECT_EQ(a.valid_pairs()[0].local.type, CandidateType::host);
  EXPECT_EQ(a.valid_pairs()[0].remote.address, at("192.168.0.101:4000"));
}

TEST(NatCases, PublicTerminalReachesAnyNat) {
  for (const auto& behaviour : kBehaviours) {
    World world;
    Nat& nat = world.make_nat("203.0.113.1", behaviour);
    Terminal& a = world.make_terminal("a", Role::controlling, 2);
    Terminal& b = world.make_terminal("b", Role::controlled, 1);
    a.nat = &nat;
    world.add_reflexive(a, world.add_host(a, "192.168.0.100:4000"));
    world.add_host(b, "198.51.100.9:4000");
    world.introduce(a, b);
    EXPECT_TRUE(world.run_until(2s, [&] { return !a.valid_pairs().empty() && !b.valid_pairs().empty(); }))
        << behaviour.to_string();
  }
}

TEST(NatCases, RestartedNatIsLearntAnew) {
  World world;
  Nat& nat = world.make_nat("203.0.113.1", {EI, APD});
  Terminal& a = world.make_terminal("a", Role::controlling, 2);
  Terminal& b = world.make_terminal("b", Role::controlled, 1);
  a.nat = &nat;
  world.add_reflexive(a, world.add_host(a, "192.168.0.100:4000"));
  world.add_host(b, "198.51.100.9:4000");
  world.introduce(a, b);
  ASSERT_TRUE(world.run_until(1s, [&] { return !b.valid_pairs().empty(); }));
  nat.forget();
  // The next check of a leaves from a new port: b learns it, a sees a new mapped address.
  ASSERT_TRUE(world.run_until(10s, [&] { return b.validated.size() == 2; }));
  ASSERT_EQ(a.learnt.size(), 1u);
  EXPECT_EQ(a.valid_pairs()[0].local.type, CandidateType::peer_reflexive);
  ASSERT_TRUE(world.run_until(20s, [&] { return b.valid_pairs().size() == 1; }));
  EXPECT_EQ(b.valid_pairs()[0].remote.address, a.learnt[0].address);
}

}  // namespace
}  // namespace causeway::ice
