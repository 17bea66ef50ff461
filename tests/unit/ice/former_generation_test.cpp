// An agent after a restart of its node: what it knows from before, and what a peer that knows no better still
// calls it.

#include <gtest/gtest.h>

#include "ice_world.hpp"

namespace causeway::ice {
namespace {

constexpr const char* kRightAddress = "192.0.2.2:2000";

/// Left has started anew; right was left's peer before and knows it as "former".
struct AfterARestart : ::testing::Test {
  AfterARestart() {
    left = &world.make_terminal("left", Role::controlling, 200);
    right = &world.make_terminal("right", Role::controlled, 100);
    left_base = world.add_host(*left, "192.0.2.1:1000");
    world.add_host(*right, kRightAddress);
    right->agent->set_remote_credentials(former, world.now());
    Candidate candidate;
    candidate.address = at("192.0.2.1:1000");
    candidate.priority = 100;
    candidate.foundation = "1";
    right->agent->add_remote_candidate(candidate, world.now());
  }
  /// As the owner of an agent does who can derive passwords.
  void believe_ufrags() {
    if (!left->remote_ufrags.empty()) world.signal_credentials(*right, *left);
    if (!right->remote_ufrags.empty()) world.signal_credentials(*left, *right);
  }
  bool connects_within(Duration limit) {
    return world.run_until(limit, [&] {
      believe_ufrags();
      return !left->valid_pairs().empty() && !right->valid_pairs().empty() &&
             right->agent->remote_ufrag() == left->agent->local_credentials().ufrag;
    });
  }

  World world;
  Credentials former{"former", "former_password_0123456789"};
  Terminal* left = nullptr;
  Terminal* right = nullptr;
  net::BaseId left_base{};
};

TEST_F(AfterARestart, ACheckByTheFormerNameTellsWhoCalls) {
  left->agent->set_former_generations({former}, {});
  EXPECT_TRUE(connects_within(500ms));
  EXPECT_EQ(left->remote_ufrags, std::vector<std::string>{"right_ufrag"});
  EXPECT_EQ(right->remote_ufrags, std::vector<std::string>{"left_ufrag"}) << "by left's own check";
  EXPECT_EQ(left->agent->counters().unauthentic, 0u);
}

TEST_F(AfterARestart, ANameBeforeTheFormerOneDoesTheSame) {
  left->agent->set_former_generations({{"newer", "newer_password_0123456789"}, former}, {});
  EXPECT_TRUE(connects_within(500ms));
  EXPECT_EQ(left->agent->counters().unauthentic, 0u);
}

TEST_F(AfterARestart, WithoutTheFormerNameItIsNobody) {
  EXPECT_FALSE(connects_within(3s));
  EXPECT_TRUE(left->remote_ufrags.empty());
  EXPECT_GT(left->agent->counters().unauthentic, 0u);
}

// A relay gives a restarted peer another address of the same foundation: the one that is gone is in progress
// for many seconds.
TEST_F(AfterARestart, ACandidateThatIsGoneKeepsNoneOfTheNewGenerationFrozen) {
  world.run_for(100ms);
  right->agent->set_remote_credentials({"anew", "anew_password_0123456789"}, world.now());
  world.run_for(100ms);
  Candidate candidate;
  candidate.address = at("192.0.2.1:1001");
  candidate.priority = 100;
  candidate.foundation = "1";
  ASSERT_TRUE(right->agent->add_remote_candidate(candidate, world.now()));
  world.run_for(100ms);
  ASSERT_EQ(right->agent->pairs().size(), 2u);
  for (const PairView& pair : right->agent->pairs())
    EXPECT_EQ(pair.state, PairState::in_progress) << pair.remote.address.to_string();
}

TEST_F(AfterARestart, TheFormerNameNeedsTheFormerPassword) {
  left->agent->set_former_generations({{"former", "another_password_0123456789"}}, {});
  EXPECT_FALSE(connects_within(3s));
  EXPECT_TRUE(left->remote_ufrags.empty());
}

// It had used the new one, and was killed before it had stored it.
TEST_F(AfterARestart, APeerThatStartsAnewMayFallBackToTheFormerName) {
  left->agent->set_former_generations({former}, {});
  ASSERT_TRUE(connects_within(500ms));
  world.run_for(2s);
  const auto before = left->agent->counters().unauthentic;
  stun::BindingRequest request;
  request.transaction = stun::make_transaction_id(world.random());
  request.username = "former:third_ufrag";
  request.priority = 100;
  request.controlled = 100;
  world.inject(*left, left_base, at(kRightAddress), stun::encode_binding_request(request, former.password));
  EXPECT_EQ(left->agent->counters().unauthentic, before);
  EXPECT_EQ(left->remote_ufrags, (std::vector<std::string>{"right_ufrag", "third_ufrag"}));
  // Whoever recorded a check of its generation before this one makes no further restart of it.
  world.signal_credentials(*right, *left);
  request.transaction = stun::make_transaction_id(world.random());
  left->agent->set_remote_credentials({"third_ufrag", "third_password_0123456789"}, world.now());
  request.username = "former:right_ufrag";
  world.inject(*left, left_base, at(kRightAddress), stun::encode_binding_request(request, former.password));
  EXPECT_EQ(left->remote_ufrags.size(), 2u);
}

TEST_F(AfterARestart, AReplayOfAnEarlierGenerationOfThePeerIsNoNews) {
  left->agent->set_former_generations({former}, {"earlier", "right_zero"});
  stun::BindingRequest request;
  request.transaction = stun::make_transaction_id(world.random());
  request.username = "former:earlier";
  request.priority = 100;
  request.controlled = 100;
  world.inject(*left, left_base, at(kRightAddress), stun::encode_binding_request(request, former.password));
  EXPECT_TRUE(left->remote_ufrags.empty());
  EXPECT_TRUE(connects_within(500ms)) << "and the true one is";
  EXPECT_EQ(left->agent->past_remote_ufrags(8), (std::vector<std::string>{"earlier", "right_zero"}));
  EXPECT_EQ(left->agent->past_remote_ufrags(1), std::vector<std::string>{"right_zero"}) << "the newest";
}

TEST_F(AfterARestart, ARememberedPairIsCheckedWithoutACandidate) {
  // Right's own checks name somebody whom left does not know.
  EXPECT_TRUE(left->agent->add_remembered_pair(left_base, at(kRightAddress), world.now()));
  EXPECT_TRUE(left->agent->add_remembered_pair(left_base, at(kRightAddress), world.now())) << "twice is once";
  EXPECT_EQ(left->agent->pairs().size(), 1u);
  world.signal_credentials(*right, *left);
  EXPECT_TRUE(connects_within(100ms));
}

TEST_F(AfterARestart, ARememberedPairThatIsDeadIsTriedEachSecondUntilItLives) {
  world.passes = [](const net::Endpoint&, const net::Endpoint&) { return false; };
  world.signal_credentials(*right, *left);
  ASSERT_TRUE(left->agent->add_remembered_pair(left_base, at(kRightAddress), world.now()));
  world.run_for(60s);
  EXPECT_EQ(left->agent->state(), AgentState::failed);
  const auto sent_before = left->agent->counters().checks_sent;
  world.run_for(10s);
  const auto sent = left->agent->counters().checks_sent - sent_before;
  EXPECT_GE(sent, 9u);
  EXPECT_LE(sent, 11u);
  world.passes = nullptr;
  EXPECT_TRUE(connects_within(3s));
}

TEST_F(AfterARestart, NoPairIsRememberedToWhatIsNoAddress) {
  for (const char* address : {"127.0.0.1:2000", "224.0.0.1:2000", "192.0.2.2:0", "[2001:db8::1]:2000"})
    EXPECT_FALSE(left->agent->add_remembered_pair(left_base, at(address), world.now())) << address;
  EXPECT_FALSE(left->agent->add_remembered_pair(net::BaseId{77}, at(kRightAddress), world.now()));
  EXPECT_TRUE(left->agent->pairs().empty());
}

}  // namespace
}  // namespace causeway::ice
