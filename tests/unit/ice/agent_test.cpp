#include "ice/agent.hpp"

#include <gtest/gtest.h>

#include "ice_world.hpp"
#include "stun/codec.hpp"
#include "stun/message.hpp"

namespace causeway::ice {
namespace {

using testing::Test;

/// Two terminals with public addresses; "left" controls unless a test says otherwise.
class TwoAgents : public Test {
 protected:
  void make(Role left_role = Role::controlling, Role right_role = Role::controlled,
            Agent::Options options = {}) {
    left = &world.make_terminal("left", left_role, 200, options);
    right = &world.make_terminal("right", right_role, 100, options);
    left_base = world.add_host(*left, "192.0.2.1:1000");
    right_base = world.add_host(*right, "192.0.2.2:2000");
  }
  bool connect() {
    world.introduce(*left, *right);
    return world.run_until(5s, [&] { return !left->valid_pairs().empty() && !right->valid_pairs().empty(); });
  }

  World world;
  Terminal* left = nullptr;
  Terminal* right = nullptr;
  net::BaseId left_base{}, right_base{};
};

TEST_F(TwoAgents, MeetByOneCheckEachWhenNothingIsLost) {
  make();
  // The right one hears of the left one by its check alone: it answers and checks in turn.
  world.signal_candidates(*right, *left);
  world.signal_credentials(*right, *left);
  world.signal_credentials(*left, *right);
  ASSERT_TRUE(
      world.run_until(1s, [&] { return !right->valid_pairs().empty() && !left->valid_pairs().empty(); }));
  for (const Terminal* terminal : {left, right}) {
    const auto& counters = terminal->agent->counters();
    EXPECT_EQ(counters.checks_sent, 1u) << terminal->name;
    EXPECT_EQ(counters.retransmissions, 0u) << terminal->name;
    EXPECT_EQ(counters.checks_received, 1u) << terminal->name;
    EXPECT_EQ(counters.responses_received, 1u) << terminal->name;
    EXPECT_EQ(counters.unauthentic + counters.malformed + counters.unmatched_responses, 0u) << terminal->name;
    ASSERT_EQ(terminal->measured.size(), 1u);
    EXPECT_EQ(terminal->measured[0].rtt, 20ms);
  }
  const PairView pair = right->valid_pairs()[0];
  EXPECT_EQ(pair.remote.type, CandidateType::peer_reflexive);
  EXPECT_EQ(pair.remote.priority, peer_reflexive_priority(recommended_priority(CandidateType::host, 65535)));
  EXPECT_EQ(pair.local.type, CandidateType::host);
}

TEST_F(TwoAgents, CheckGoesFromTheRightBaseWithTheRightUsername) {
  make();
  world.introduce(*left, *right);
  world.run_for(1ms);
  ASSERT_FALSE(left->sent.empty());
  const SendStun& check = left->sent[0].second;
  EXPECT_EQ(check.base, left_base);
  EXPECT_EQ(check.to, at("192.0.2.2:2000"));
  const auto request = stun::parse_binding_request(check.bytes, "right_password_0123456789");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->username, "right_ufrag:left_ufrag");
  EXPECT_EQ(request->controlling, 200u);
  EXPECT_FALSE(request->use_candidate);
  EXPECT_EQ(check.transaction, request->transaction);
}

TEST_F(TwoAgents, NothingIsSentBeforeCredentials) {
  make();
  world.signal_candidates(*right, *left);
  world.run_for(5s);
  EXPECT_TRUE(left->sent.empty());
  EXPECT_EQ(left->agent->state(), AgentState::gathering);
  EXPECT_EQ(left->agent->next_timeout(), std::nullopt);
}

TEST_F(TwoAgents, NominationSettlesBothSides) {
  make();
  ASSERT_TRUE(connect());
  EXPECT_EQ(left->agent->state(), AgentState::connected);
  ASSERT_TRUE(left->agent->nominate(left->validated[0], world.now()));
  ASSERT_TRUE(world.run_until(1s, [&] { return !left->nominated.empty() && !right->nominated.empty(); }));
  EXPECT_EQ(left->agent->state(), AgentState::completed);
  EXPECT_EQ(right->agent->state(), AgentState::completed);
  EXPECT_EQ(left->nominated_pair()->remote.address, at("192.0.2.2:2000"));
  EXPECT_EQ(right->nominated_pair()->remote.address, at("192.0.2.1:1000"));
  EXPECT_EQ(left->states, (std::vector{AgentState::checking, AgentState::connected, AgentState::completed}));
}

TEST_F(TwoAgents, OnlyTheControllingOneNominatesAndOnlyValidPairs) {
  make();
  world.introduce(*left, *right);
  EXPECT_FALSE(left->agent->nominate(left->agent->pairs()[0].id, world.now()));
  EXPECT_FALSE(left->agent->nominate(PairId{99}, world.now()));
  ASSERT_TRUE(connect());
  EXPECT_FALSE(right->agent->nominate(right->validated[0], world.now()));
}

TEST_F(TwoAgents, UseCandidateBeforeOurOwnSuccessIsRemembered) {
  make();
  // The right one's checks are lost: it learns of the nomination while its own check is in progress.
  bool is_blocked = true;
  world.arrives = [&](Terminal& receiver, net::BaseId, net::Endpoint&, Bytes& bytes) {
    const bool is_request = stun::peek_header(bytes)->message_class == stun::MessageClass::request;
    return !(is_blocked && &receiver == left && is_request);
  };
  world.introduce(*left, *right);
  ASSERT_TRUE(world.run_until(1s, [&] { return !left->validated.empty(); }));
  ASSERT_TRUE(right->validated.empty());
  left->agent->nominate(left->validated[0], world.now());
  ASSERT_TRUE(world.run_until(1s, [&] { return !left->nominated.empty(); }));
  EXPECT_TRUE(right->nominated.empty());
  is_blocked = false;
  ASSERT_TRUE(world.run_until(3s, [&] { return !right->nominated.empty(); }));
  EXPECT_EQ(right->nominated[0], right->validated[0]);
}

TEST_F(TwoAgents, BothControllingIsResolvedByTheTiebreaker) {
  make(Role::controlling, Role::controlling);
  ASSERT_TRUE(connect());
  world.run_for(200ms);
  EXPECT_EQ(left->agent->role(), Role::controlling);  // 200 > 100
  EXPECT_EQ(right->agent->role(), Role::controlled);
  EXPECT_TRUE(left->roles.empty());
  EXPECT_EQ(right->roles, std::vector{Role::controlled});
  EXPECT_GE(right->agent->counters().role_conflicts, 1u);
}

TEST_F(TwoAgents, BothControlledIsResolvedByTheTiebreaker) {
  make(Role::controlled, Role::controlled);
  ASSERT_TRUE(connect());
  world.run_for(200ms);
  EXPECT_EQ(left->agent->role(), Role::controlling);
  EXPECT_EQ(right->agent->role(), Role::controlled);
  EXPECT_EQ(left->roles, std::vector{Role::controlling});
  EXPECT_TRUE(right->roles.empty());
  EXPECT_TRUE(left->agent->nominate(left->valid_pairs()[0].id, world.now()));
  EXPECT_TRUE(world.run_until(1s, [&] { return !right->nominated.empty(); }));
}

TEST_F(TwoAgents, RoleConflictHeardOfBy487SwitchesOnce) {
  make(Role::controlling, Role::controlling);
  // Only the right one checks, so only it can learn, by 487, that it must switch.
  world.signal_candidates(*left, *right);
  world.signal_credentials(*left, *right);
  ASSERT_TRUE(world.run_until(1s, [&] { return !right->valid_pairs().empty(); }));
  EXPECT_EQ(right->roles, std::vector{Role::controlled});
  EXPECT_EQ(right->agent->counters().checks_sent, 2u);
  EXPECT_EQ(left->agent->counters().role_conflicts, 1u);
}

TEST_F(TwoAgents, EarlyChecksAreAnsweredRememberedAndReplayed) {
  make();
  world.signal_candidates(*right, *left);
  world.signal_credentials(*right, *left);
  ASSERT_TRUE(world.run_until(1s, [&] { return !left->validated.empty(); }));
  EXPECT_TRUE(right->agent->pairs().empty());
  EXPECT_EQ(right->remote_ufrags, std::vector<std::string>{"left_ufrag"});
  world.signal_credentials(*left, *right);
  ASSERT_TRUE(world.run_until(100ms, [&] { return !right->validated.empty(); }));
  EXPECT_EQ(right->agent->counters().checks_sent, 1u);
}

TEST_F(TwoAgents, EarlyCheckWaitsForItsBase) {
  left = &world.make_terminal("left", Role::controlling, 200);
  right = &world.make_terminal("right", Role::controlled, 100);
  world.add_host(*left, "192.0.2.1:1000");
  world.signal_credentials(*left, *right);
  world.signal_credentials(*right, *left);
  right->bases[net::BaseId{77}] = at("192.0.2.2:2000");
  Candidate remote;
  remote.address = at("192.0.2.2:2000");
  remote.priority = 1000;
  left->agent->add_remote_candidate(remote, world.now());
  ASSERT_TRUE(world.run_until(1s, [&] { return !left->validated.empty(); }));
  Candidate host;
  host.address = host.base_address = at("192.0.2.2:2000");
  host.base = net::BaseId{77};
  host.priority = 1000;
  right->agent->add_local_candidate(host, world.now());
  EXPECT_TRUE(world.run_until(100ms, [&] { return !right->validated.empty(); }));
}

TEST_F(TwoAgents, SignalledCandidateGivesAPeerReflexiveOneItsType) {
  make();
  world.signal_candidates(*right, *left);
  world.signal_credentials(*right, *left);
  world.signal_credentials(*left, *right);
  ASSERT_TRUE(world.run_until(1s, [&] { return !right->validated.empty(); }));
  ASSERT_EQ(right->valid_pairs()[0].remote.type, CandidateType::peer_reflexive);
  const auto before = right->valid_pairs()[0].priority;
  world.signal_candidates(*left, *right);
  EXPECT_EQ(right->valid_pairs()[0].remote.type, CandidateType::host);
  EXPECT_GT(right->valid_pairs()[0].priority, before);
  EXPECT_EQ(right->agent->remote_candidates().size(), 1u);
}

// A check told of the address first, by one base (a relay, say): once it is signalled every base tries it.
TEST_F(TwoAgents, SignalledCandidateThatWasPeerReflexiveIsPairedWithEveryBase) {
  make();
  world.signal_candidates(*right, *left);
  world.add_host(*right, "192.0.2.3:3000", 1000);
  world.signal_credentials(*right, *left);
  world.signal_credentials(*left, *right);
  ASSERT_TRUE(world.run_until(1s, [&] { return !right->validated.empty(); }));
  ASSERT_EQ(right->agent->pairs().size(), 1u);
  world.signal_candidates(*left, *right);
  EXPECT_EQ(right->agent->pairs().size(), 2u);
  EXPECT_TRUE(world.run_until(2s, [&] { return right->valid_pairs().size() == 2; }));
}

TEST_F(TwoAgents, CheckIsSentAsOftenAsOptionsSayThenFails) {
  make();
  world.passes = [](const auto&, const auto&) { return false; };
  world.introduce(*left, *right);
  ASSERT_TRUE(world.run_until(12s, [&] { return left->agent->state() == AgentState::failed; }));
  ASSERT_EQ(left->sent.size(), 5u);
  std::vector<Duration> gaps;
  for (std::size_t i = 1; i < left->sent.size(); ++i) {
    gaps.push_back(left->sent[i].first - left->sent[i - 1].first);
    EXPECT_EQ(left->sent[i].second.bytes,
              left->sent[0].second.bytes);  // a retransmission is the same request
  }
  EXPECT_EQ(gaps, (std::vector<Duration>{250ms, 500ms, 1s, 2s}));
  EXPECT_EQ(left->agent->counters().retransmissions, 4u);
  EXPECT_EQ(left->agent->pairs()[0].state, PairState::failed);
}

TEST_F(TwoAgents, PatienceKeepsAnEmptyChecklistFromFailing) {
  make();
  world.signal_credentials(*right, *left);
  left->agent->set_end_of_candidates(world.now());
  world.run_for(9900ms);
  EXPECT_EQ(left->agent->state(), AgentState::checking);
  world.run_for(200ms);
  EXPECT_EQ(left->agent->state(), AgentState::failed);
}

TEST_F(TwoAgents, PatienceCountsFromTheNewestCandidateUntilTheEndIsTold) {
  make();
  world.passes = [](const auto&, const auto&) { return false; };
  world.signal_credentials(*right, *left);
  world.run_for(9s);
  world.signal_candidates(*right, *left);
  world.run_for(9s);
  EXPECT_EQ(left->agent->state(), AgentState::checking);
  world.run_for(1100ms);
  EXPECT_EQ(left->agent->state(), AgentState::failed);
}

TEST_F(TwoAgents, FailedAgentComesBackWithALateCandidate) {
  make();
  world.signal_credentials(*right, *left);
  world.signal_credentials(*left, *right);
  world.run_for(11s);
  ASSERT_EQ(left->agent->state(), AgentState::failed);
  world.signal_candidates(*right, *left);
  EXPECT_TRUE(world.run_until(1s, [&] { return left->agent->state() == AgentState::connected; }));
}

TEST_F(TwoAgents, TrickledCandidateIsCheckedAtOnce) {
  make();
  ASSERT_TRUE(connect());
  world.add_host(*right, "192.0.2.22:2222", 1000);
  world.signal_candidates(*right, *left);
  EXPECT_TRUE(world.run_until(100ms, [&] { return left->validated.size() == 2; }));
}

TEST_F(TwoAgents, NewChecksAreTaApart) {
  make();
  for (int i = 0; i < 6; ++i) {
    world.add_host(*right, ("203.0.113." + std::to_string(i + 1) + ":3000").c_str(), 100);
  }
  ASSERT_TRUE(connect());
  ASSERT_TRUE(world.run_until(2s, [&] { return left->validated.size() == 7; }));
  std::optional<SteadyTime> last;
  for (const auto& [time, stun] : left->sent) {
    if (!stun.transaction) continue;
    if (last) {
      EXPECT_GE(time - *last, 20ms);
    }
    last = time;
  }
}

TEST_F(TwoAgents, ChecksGoByPriority) {
  make();
  world.add_host(*right, "203.0.113.1:3000", 100);
  world.add_host(*right, "203.0.113.2:3000", 30000);
  world.passes = [](const auto&, const auto&) { return false; };
  world.introduce(*left, *right);
  world.run_for(100ms);
  ASSERT_GE(left->sent.size(), 3u);
  EXPECT_EQ(left->sent[0].second.to, at("192.0.2.2:2000"));
  EXPECT_EQ(left->sent[1].second.to, at("203.0.113.2:3000"));
  EXPECT_EQ(left->sent[2].second.to, at("203.0.113.1:3000"));
}

TEST_F(TwoAgents, LossReorderingAndDuplicatesOnlyTakeTime) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World rough(seed);
    rough.loss = 0.3;
    rough.duplicates = 0.2;
    rough.jitter = 200ms;
    Terminal& a = rough.make_terminal("a", Role::controlling, 2);
    Terminal& b = rough.make_terminal("b", Role::controlled, 1);
    rough.add_host(a, "192.0.2.1:1000");
    rough.add_host(b, "192.0.2.2:2000");
    rough.introduce(a, b);
    ASSERT_TRUE(rough.run_until(30s, [&] { return !a.valid_pairs().empty() && !b.valid_pairs().empty(); }))
        << seed;
    ASSERT_TRUE(rough.run_until(30s, [&] {
      if (!a.valid_pairs().empty()) a.agent->nominate(a.valid_pairs()[0].id, rough.now());
      return a.agent->state() == AgentState::completed && b.agent->state() == AgentState::completed;
    })) << seed;
  }
}

TEST_F(TwoAgents, TheSameSeedGivesTheSamePackets) {
  std::vector<Bytes> first;
  for (int round = 0; round < 2; ++round) {
    World rough(7);
    rough.loss = 0.2;
    Terminal& a = rough.make_terminal("a", Role::controlling, 2);
    Terminal& b = rough.make_terminal("b", Role::controlled, 1);
    rough.add_host(a, "192.0.2.1:1000");
    rough.add_host(b, "192.0.2.2:2000");
    rough.introduce(a, b);
    rough.run_for(20s);
    std::vector<Bytes> sent;
    for (const auto& [time, stun] : a.sent) {
      sent.push_back(stun.bytes);
    }
    if (round == 0) first = sent;
    EXPECT_EQ(sent, first);
    EXPECT_GT(sent.size(), 5u);
  }
}

TEST_F(TwoAgents, Ipv6PairsOnlyWithIpv6) {
  make();
  world.add_host(*left, "[2001:db8::1]:1000");
  world.add_host(*right, "[2001:db8::2]:2000");
  world.introduce(*left, *right);
  ASSERT_EQ(left->agent->pairs().size(), 2u);
  EXPECT_TRUE(world.run_until(1s, [&] { return left->valid_pairs().size() == 2; }));
}

TEST_F(TwoAgents, RequestedProbeMeasuresAtTheNextSlot) {
  make();
  ASSERT_TRUE(connect());
  world.run_for(100ms);
  const auto measured = left->measured.size();
  left->agent->probe(left->validated[0], world.now());
  EXPECT_TRUE(world.run_until(50ms, [&] { return left->measured.size() == measured + 1; }));
}

TEST_F(TwoAgents, UnknownRequiredAttributeGets420) {
  make();
  const stun::TransactionId id = stun::make_transaction_id(world.random());
  stun::CodecMessage message(stun::MessageClass::request, id);
  const std::string username = "right_ufrag:left_ufrag";
  stun_message_append_bytes(message.get(), STUN_ATTRIBUTE_USERNAME, username.data(), username.size());
  stun_message_append32(message.get(), static_cast<StunAttribute>(0x7001), 1);
  const Bytes bytes = message.finish("right_password_0123456789", true);
  world.inject(*right, right_base, at("192.0.2.1:1000"), bytes);
  ASSERT_EQ(right->sent.size(), 1u);
  const auto answer = stun::parse_binding_response(right->sent[0].second.bytes, "right_password_0123456789");
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, (stun::BindingResponse{id, std::nullopt, stun::error_code::kUnknownAttribute}));
  EXPECT_TRUE(right->agent->pairs().empty());
}

}  // namespace
}  // namespace causeway::ice
