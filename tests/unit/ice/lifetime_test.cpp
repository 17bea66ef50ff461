// After the first valid pair: consent, recovery, nomination again, restart, bases that go.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "ice_world.hpp"

namespace causeway::ice {
namespace {

using testing::Test;

/// Two terminals, the left one with two addresses: two paths, each of which can be cut.
class TwoPaths : public Test {
 protected:
  void make(Agent::Options options = {}) {
    left = &world.make_terminal("left", Role::controlling, 200, options);
    right = &world.make_terminal("right", Role::controlled, 100, options);
    first_base = world.add_host(*left, "192.0.2.1:1000", 65535);
    second_base = world.add_host(*left, "203.0.113.1:1000", 1000);
    right_base = world.add_host(*right, "192.0.2.2:2000");
    world.passes = [this](const net::Endpoint& from, const net::Endpoint& to) {
      return !cut.contains(from.address) && !cut.contains(to.address);
    };
    world.introduce(*left, *right);
    ASSERT_TRUE(world.run_until(
        2s, [&] { return left->valid_pairs().size() == 2 && right->valid_pairs().size() == 2; }));
    first = pair_of(first_base);
    second = pair_of(second_base);
  }
  PairId pair_of(net::BaseId base) const {
    for (const PairView& pair : left->agent->pairs()) {
      if (pair.local.base == base) return pair.id;
    }
    return PairId::none;
  }
  bool nominate(PairId id) {
    const auto before = right->nominated.size();
    if (!left->agent->nominate(id, world.now())) return false;
    return world.run_until(2s, [&] {
      return right->nominated.size() > before && !left->nominated.empty() && left->nominated.back() == id;
    });
  }
  net::Endpoint nominated_at_right() const { return right->nominated_pair()->remote.address; }

  World world;
  std::set<net::IpAddress> cut;
  Terminal* left = nullptr;
  Terminal* right = nullptr;
  net::BaseId first_base{}, second_base{}, right_base{};
  PairId first{}, second{};
  const net::IpAddress first_address = *net::IpAddress::parse("192.0.2.1");
  const net::IpAddress second_address = *net::IpAddress::parse("203.0.113.1");
};

TEST_F(TwoPaths, NominatedPairIsCheckedEachSecondOthersEachFive) {
  make();
  ASSERT_TRUE(nominate(first));
  world.run_for(2s);
  left->measured.clear();
  world.run_for(60s);
  std::size_t of_first = 0, of_second = 0;
  for (const PairMeasured& sample : left->measured) {
    ++(sample.pair == first ? of_first : of_second);
  }
  EXPECT_NEAR(static_cast<double>(of_first), 60, 6);
  EXPECT_NEAR(static_cast<double>(of_second), 12, 3);
  EXPECT_TRUE(left->lost.empty());
  EXPECT_TRUE(left->invalidated.empty());
}

TEST_F(TwoPaths, ConsentEndsFifteenSecondsAfterTheLastAnswer) {
  make();
  ASSERT_TRUE(nominate(first));
  world.run_for(10s);
  cut.insert(first_address);
  const SteadyTime answered = *left->agent->pair(first)->answered;
  ASSERT_TRUE(world.run_until(20s, [&] { return !left->invalidated.empty(); }));
  EXPECT_EQ(left->invalidated, std::vector{first});
  EXPECT_EQ(world.now().steady - answered, 15s);
  EXPECT_FALSE(left->agent->pair(first)->is_valid);
  EXPECT_TRUE(left->agent->pair(second)->is_valid);
  EXPECT_EQ(left->agent->state(), AgentState::connected);
}

TEST_F(TwoPaths, DeadNominatedPathShowsLossesWithinTwoSeconds) {
  make();
  ASSERT_TRUE(nominate(first));
  world.run_for(10s);
  cut.insert(first_address);
  const SteadyTime start = world.now().steady;
  ASSERT_TRUE(world.run_until(5s, [&] { return left->lost.size() >= 3; }));
  EXPECT_EQ(left->lost, (std::vector{first, first, first}));
  EXPECT_LT(world.now().steady - start, 2200ms);
}

TEST_F(TwoPaths, ReturningPathIsValidAgainWithinTwoSeconds) {
  make();
  cut.insert(first_address);
  ASSERT_TRUE(
      world.run_until(30s, [&] { return left->invalidated.size() == 1 && right->invalidated.size() == 1; }));
  left->sent.clear();
  world.run_for(60s);
  std::size_t probes = 0;
  for (const auto& [time, stun] : left->sent) {
    if (stun.base == first_base) ++probes;
  }
  EXPECT_GE(probes, 59u);
  EXPECT_LE(probes, 125u);  // never more than twice the contract's rate
  cut.clear();
  EXPECT_TRUE(world.run_until(
      2s, [&] { return left->agent->pair(first)->is_valid && right->valid_pairs().size() == 2; }));
}

TEST_F(TwoPaths, LosingEveryPathFailsAndReturningOneConnects) {
  make();
  ASSERT_TRUE(nominate(first));
  cut = {first_address, second_address};
  ASSERT_TRUE(world.run_until(30s, [&] { return left->agent->state() == AgentState::failed; }));
  world.run_for(10min);
  cut.clear();
  EXPECT_TRUE(world.run_until(2s, [&] { return left->valid_pairs().size() == 2; }));
  // The nominated pair is nominated still: both sides agree without a word.
  EXPECT_EQ(left->agent->state(), AgentState::completed);
}

TEST_F(TwoPaths, NewerNominationReplacesTheOlder) {
  make();
  ASSERT_TRUE(nominate(first));
  EXPECT_EQ(nominated_at_right().address, first_address);
  ASSERT_TRUE(nominate(second));
  EXPECT_EQ(nominated_at_right().address, second_address);
  ASSERT_TRUE(nominate(first));
  EXPECT_EQ(nominated_at_right().address, first_address);
  EXPECT_EQ(left->nominated, (std::vector{first, second, first}));
}

TEST_F(TwoPaths, OvertakenNominationDoesNotCount) {
  make();
  ASSERT_TRUE(nominate(first));
  // The nomination of `second` is held back in the network and comes after a newer one of `first`.
  std::vector<Bytes> held;
  bool is_holding = true;
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint& from, Bytes& bytes) {
    if (!is_holding || &receiver != right || from.address != second_address) return true;
    held.push_back(bytes);
    return false;
  };
  ASSERT_TRUE(left->agent->nominate(second, world.now()));
  world.run_for(100ms);
  ASSERT_FALSE(held.empty());
  ASSERT_TRUE(left->agent->nominate(first, world.now()));
  world.run_for(1s);
  is_holding = false;
  for (const Bytes& bytes : held) {
    world.inject(*right, right_base, {second_address, 1000}, bytes);
  }
  world.run_for(1s);
  EXPECT_EQ(nominated_at_right().address, first_address);
}

TEST_F(TwoPaths, PlainRfc8445NominatesOnce) {
  Agent::Options options;
  options.allow_renomination = false;
  make(options);
  ASSERT_TRUE(nominate(first));
  EXPECT_FALSE(left->agent->nominate(second, world.now()));
  EXPECT_TRUE(left->agent->nominate(first, world.now()));
  // Nothing beyond RFC 8445 is on the wire.
  for (const auto& [time, stun] : left->sent) {
    const auto request = stun::parse_binding_request(stun.bytes, "right_password_0123456789");
    if (request) {
      EXPECT_EQ(request->nomination, std::nullopt);
    }
  }
}

TEST_F(TwoPaths, PlainAgentMayNominateAnotherWhenTheNominatingCheckFailed) {
  Agent::Options options;
  options.allow_renomination = false;
  make(options);
  cut.insert(first_address);
  ASSERT_TRUE(left->agent->nominate(first, world.now()));
  EXPECT_FALSE(left->agent->nominate(second, world.now()));
  ASSERT_TRUE(world.run_until(20s, [&] { return left->agent->nominate(second, world.now()); }));
  EXPECT_TRUE(world.run_until(1s, [&] { return !right->nominated.empty(); }));
}

TEST_F(TwoPaths, FailedSendEndsThatPairOnly) {
  make();
  left->agent->on_send_failed(first_base, at("192.0.2.2:2000"), world.now());
  world.obey_all();
  EXPECT_EQ(left->invalidated, std::vector{first});
  EXPECT_TRUE(left->agent->pair(second)->is_valid);
  // The network was there all the while: the next probe brings it back.
  EXPECT_TRUE(world.run_until(1500ms, [&] { return left->agent->pair(first)->is_valid; }));
}

TEST_F(TwoPaths, RemovedBaseTakesItsPairsAndTransactionsAlong) {
  make();
  left->agent->probe(first, world.now());
  world.run_for(5ms);
  left->agent->remove_base(first_base, world.now());
  left->bases.erase(first_base);
  world.obey_all();
  EXPECT_EQ(left->invalidated, std::vector{first});
  EXPECT_EQ(left->agent->pair(first), std::nullopt);
  EXPECT_EQ(left->agent->local_candidates().size(), 1u);
  left->sent.clear();
  world.run_for(20s);
  for (const auto& [time, stun] : left->sent) {
    EXPECT_EQ(stun.base, second_base);
  }
}

TEST_F(TwoPaths, RestartOfThePeerChecksEverythingAnewAndKeepsWhatWorks) {
  make();
  ASSERT_TRUE(nominate(first));
  // The right terminal starts again: new ufrag, same address.
  Terminal* old = right;
  old->bases.clear();
  right = &world.make_terminal("again", Role::controlled, 300);
  right->bases[right_base] = at("192.0.2.2:2000");
  Candidate host;
  host.address = host.base_address = at("192.0.2.2:2000");
  host.base = right_base;
  host.priority = 1000;
  right->agent->add_local_candidate(host, world.now());
  const auto validated = left->validated.size();
  world.introduce(*left, *right);
  EXPECT_TRUE(left->agent->pair(first)->is_valid);
  ASSERT_TRUE(world.run_until(1s, [&] { return right->valid_pairs().size() == 2; }));
  EXPECT_TRUE(left->invalidated.empty());
  EXPECT_EQ(left->validated.size(), validated);
  EXPECT_EQ(left->agent->remote_ufrag(), "again_ufrag");
  // Nominations of the new generation begin anew.
  ASSERT_TRUE(left->agent->nominate(second, world.now()));
  EXPECT_TRUE(world.run_until(1s, [&] { return !right->nominated.empty(); }));
}

TEST_F(TwoPaths, CheckWithAnUnknownUfragTellsOfARestart) {
  make();
  Terminal* old = right;
  old->bases.clear();
  right = &world.make_terminal("again", Role::controlled, 300);
  right->bases[right_base] = at("192.0.2.2:2000");
  Candidate host;
  host.address = host.base_address = at("192.0.2.2:2000");
  host.base = right_base;
  host.priority = 1000;
  right->agent->add_local_candidate(host, world.now());
  world.signal_candidates(*left, *right);
  world.signal_credentials(*left, *right);
  // No server tells the left one; the check does, once.
  ASSERT_TRUE(world.run_until(1s, [&] { return !left->remote_ufrags.empty(); }));
  world.run_for(1s);
  EXPECT_EQ(left->remote_ufrags, std::vector<std::string>{"again_ufrag"});
  world.signal_credentials(*right, *left);
  EXPECT_TRUE(world.run_until(1s, [&] { return right->valid_pairs().size() == 2; }));
}

TEST_F(TwoPaths, ReplayOfThePeersLastGenerationIsNoRestart) {
  make();
  const Bytes old_check = right->sent.front().second.bytes;
  ASSERT_TRUE(stun::parse_binding_request(old_check, "left_password_0123456789"));
  left->agent->set_remote_credentials({"newer_ufrag", "newer_password_0123456789"}, world.now());
  world.inject(*left, first_base, at("192.0.2.2:2000"), old_check);
  EXPECT_TRUE(left->remote_ufrags.empty());
  EXPECT_EQ(left->agent->remote_ufrag(), "newer_ufrag");
}

/// One relay after the other for a long time: each is a candidate that the other end has not seen before.
TEST(ManyAddresses, APeerIsReachedAtEachOfThem) {
  World world;
  Terminal& left = world.make_terminal("left", Role::controlling, 200);
  Terminal& right = world.make_terminal("right", Role::controlled, 100);
  world.add_host(left, "192.0.2.1:1000");
  net::BaseId before = world.add_host(right, "192.0.2.2:2000");
  world.introduce(left, right);
  ASSERT_TRUE(world.run_until(2s, [&] { return !left.valid_pairs().empty(); }));
  for (int i = 1; i <= 100; ++i) {
    const std::string address = "192.0.2.2:" + std::to_string(2000 + i);
    const net::BaseId next = world.add_host(right, address.c_str());
    world.signal_candidates(right, left);
    ASSERT_TRUE(world.run_until(2s, [&] {
      const auto valid = left.valid_pairs();
      return std::any_of(valid.begin(), valid.end(),
                         [&](const PairView& pair) { return pair.remote.address == at(address.c_str()); });
    })) << address;
    right.agent->remove_base(before, world.now());
    right.bases.erase(before);
    before = next;
    world.run_for(3s);
  }
  EXPECT_LE(left.agent->remote_candidates().size(), left.agent->options().max_remote_candidates);
}

}  // namespace
}  // namespace causeway::ice
