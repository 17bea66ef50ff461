// The parts of the agent by themselves.
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "ice/candidate_list.hpp"
#include "ice/checklist.hpp"
#include "ice/early_checks.hpp"
#include "ice/nomination.hpp"
#include "ice/probe_limiter.hpp"

namespace causeway::ice {
namespace {

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

Candidate local(const char* address, std::uint32_t base, std::uint32_t priority = 1000,
                CandidateType type = CandidateType::host) {
  Candidate made;
  made.type = type;
  made.address = made.base_address = at(address);
  made.base = net::BaseId{base};
  made.priority = priority;
  made.foundation = "L" + std::to_string(base);
  return made;
}

Candidate remote(const char* address, std::uint32_t priority = 1000, const char* foundation = "R") {
  Candidate made;
  made.address = at(address);
  made.priority = priority;
  made.foundation = foundation;
  return made;
}

TEST(CandidateFormulas, AreThoseOfTheRfc) {
  EXPECT_EQ(recommended_priority(CandidateType::host, 65535), 2130706431u);
  EXPECT_EQ(recommended_priority(CandidateType::server_reflexive, 65535), 1694498815u);
  EXPECT_EQ(recommended_priority(CandidateType::relayed, 0), 255u);
  EXPECT_EQ(peer_reflexive_priority(2130706431u), 1862270975u);
  EXPECT_EQ(pair_priority(5, 3), (3ull << 32) + 10 + 1);
  EXPECT_EQ(pair_priority(3, 5), (3ull << 32) + 10);
  EXPECT_EQ(pair_priority(4, 4), (4ull << 32) + 8);
}

TEST(CandidateNames, GoBothWays) {
  for (const auto type : {CandidateType::host, CandidateType::peer_reflexive, CandidateType::server_reflexive,
                          CandidateType::relayed}) {
    EXPECT_EQ(parse_candidate_type(to_string(type)), type);
  }
  EXPECT_EQ(parse_candidate_type("relayed"), std::nullopt);
}

TEST(LocalCandidatesTest, RedundantIsSameAddressAndBase) {
  LocalCandidates list;
  EXPECT_TRUE(list.add(local("192.0.2.1:1", 1)));
  EXPECT_FALSE(list.add(local("192.0.2.1:1", 1, 999, CandidateType::server_reflexive)));
  EXPECT_TRUE(list.add(local("192.0.2.1:1", 2)));
  EXPECT_TRUE(list.add(local("192.0.2.1:1", 1, 2000)));  // a higher priority replaces
  EXPECT_EQ(list.all().size(), 2u);
}

TEST(LocalCandidatesTest, SourceKnowsMoreThanACheck) {
  LocalCandidates list;
  list.add(local("198.51.100.1:9", 1, 2000, CandidateType::peer_reflexive));
  EXPECT_TRUE(list.add(local("198.51.100.1:9", 1, 1000, CandidateType::server_reflexive)));
  EXPECT_EQ(list.all().at(0).type, CandidateType::server_reflexive);
}

TEST(LocalCandidatesTest, HostStandsForItsBase) {
  LocalCandidates list;
  list.add(local("198.51.100.1:9", 1, 2000, CandidateType::server_reflexive));
  EXPECT_EQ(list.representative(net::BaseId{1})->type, CandidateType::server_reflexive);
  list.add(local("192.0.2.1:1", 1));
  EXPECT_EQ(list.representative(net::BaseId{1})->type, CandidateType::host);
  EXPECT_EQ(list.representative(net::BaseId{2}), nullptr);
}

TEST(LocalCandidatesTest, FoundationsFollowTypeBaseAndSource) {
  LocalCandidates list;
  const auto foundation = [&](const char* address, std::uint32_t base, CandidateType type,
                              const char* source) {
    Candidate made = local(address, base, 1, type);
    made.foundation.clear();
    made.base_address = at(base == 1 ? "10.0.0.1:1" : "10.0.0.2:1");
    made.source = source;
    list.add(made);
    return list.all().back().foundation;
  };
  const auto host = foundation("10.0.0.1:1", 1, CandidateType::host, "host");
  const auto stun_1 = foundation("198.51.100.1:1", 1, CandidateType::server_reflexive, "stun");
  const auto stun_2 = foundation("198.51.100.1:2", 1, CandidateType::server_reflexive, "stun");
  const auto mapped = foundation("198.51.100.1:3", 1, CandidateType::server_reflexive, "portmap");
  const auto other = foundation("198.51.100.1:4", 2, CandidateType::server_reflexive, "stun");
  EXPECT_EQ(stun_1, stun_2);
  EXPECT_EQ((std::set<std::string>{host, stun_1, mapped, other}.size()), 4u);
}

TEST(PairFormation, FamiliesScopesAndProtocolsMustMeet) {
  EXPECT_TRUE(can_pair(local("192.0.2.1:1", 1), remote("198.51.100.1:1")));
  EXPECT_FALSE(can_pair(local("192.0.2.1:1", 1), remote("[2001:db8::1]:1")));
  EXPECT_FALSE(can_pair(local("[fe80::1]:1", 1), remote("[2001:db8::1]:1")));
  EXPECT_TRUE(can_pair(local("[fe80::1]:1", 1), remote("[fe80::2]:1")));
  Candidate active = local("192.0.2.1:1", 1);
  active.protocol = TransportProtocol::tcp_active;
  Candidate passive = remote("198.51.100.1:1");
  EXPECT_FALSE(can_pair(active, passive));
  passive.protocol = TransportProtocol::tcp_passive;
  EXPECT_TRUE(can_pair(active, passive));
}

class ChecklistTest : public testing::Test {
 protected:
  PairId form(std::uint32_t base, const Candidate& to, std::uint32_t priority = 1000) {
    const auto* pair = list.form(local("192.0.2.1:1", base, priority), to, Role::controlling, false);
    return pair == nullptr ? PairId::none : pair->id;
  }
  Checklist list{3};
};

TEST_F(ChecklistTest, SameBaseAndRemoteIsRedundant) {
  EXPECT_NE(form(1, remote("198.51.100.1:1")), PairId::none);
  EXPECT_EQ(form(1, remote("198.51.100.1:1", 5000)), PairId::none);
  EXPECT_NE(form(2, remote("198.51.100.1:1")), PairId::none);
}

TEST_F(ChecklistTest, HighestOfAFoundationGoesFirstAndSuccessFreesTheRest) {
  const PairId low = form(1, remote("198.51.100.1:1", 10));
  const PairId high = form(1, remote("198.51.100.1:2", 20));
  const PairId other = form(1, remote("198.51.100.1:3", 5, "other"));
  list.unfreeze_idle_foundations();
  EXPECT_EQ(list.find(low)->state, PairState::frozen);
  EXPECT_EQ(list.find(high)->state, PairState::waiting);
  EXPECT_EQ(list.find(other)->state, PairState::waiting);
  ASSERT_EQ(list.waiting().size(), 2u);
  EXPECT_EQ(list.waiting()[0]->id, high);
  list.find(high)->state = PairState::succeeded;
  list.unfreeze_idle_foundations();
  EXPECT_EQ(list.find(low)->state, PairState::waiting);
}

TEST_F(ChecklistTest, FailureLetsTheNextOfItsFoundationGo) {
  const PairId low = form(1, remote("198.51.100.1:1", 10));
  const PairId high = form(1, remote("198.51.100.1:2", 20));
  list.find(high)->state = PairState::failed;
  list.unfreeze_idle_foundations();
  EXPECT_EQ(list.find(low)->state, PairState::waiting);
}

TEST_F(ChecklistTest, FullListKeepsTheHighestButNeverDropsWhatWorked) {
  const PairId low = form(1, remote("198.51.100.1:1", 10));
  const PairId middle = form(1, remote("198.51.100.1:2", 20));
  form(1, remote("198.51.100.1:3", 30));
  EXPECT_EQ(form(1, remote("198.51.100.1:4", 5)), PairId::none);
  list.find(low)->was_valid = true;
  EXPECT_NE(form(1, remote("198.51.100.1:5", 40)), PairId::none);
  EXPECT_NE(list.find(low), nullptr);
  EXPECT_EQ(list.find(middle), nullptr);
  EXPECT_NE(list.form(local("192.0.2.1:1", 1), remote("198.51.100.1:6", 1), Role::controlling, true),
            nullptr);
}

TEST_F(ChecklistTest, TriggeredQueueIsFirstInFirstOutWithoutDoubles) {
  const PairId first = form(1, remote("198.51.100.1:1"));
  const PairId second = form(1, remote("198.51.100.1:2"));
  list.trigger(second);
  list.trigger(first);
  list.trigger(second);
  EXPECT_EQ(list.triggered(), (std::deque{second, first}));
  list.erase(second);
  EXPECT_EQ(list.triggered(), std::deque{first});
}

TEST_F(ChecklistTest, RoleChangesRank) {
  const PairId pair = form(1, remote("198.51.100.1:1", 500), 1000);
  EXPECT_EQ(list.find(pair)->priority, pair_priority(1000, 500));
  list.rank_again(Role::controlled);
  EXPECT_EQ(list.find(pair)->priority, pair_priority(500, 1000));
}

TEST(ProbeLimiterTest, FivePerSecondToOneEndpoint) {
  ProbeLimiter limiter;
  SteadyTime now{10s};
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(limiter.allowed_at(at("192.0.2.1:1")), now);
    limiter.on_sent(at("192.0.2.1:1"), now);
  }
  EXPECT_EQ(limiter.allowed_at(at("192.0.2.1:1")), now + 1s);
  EXPECT_LE(limiter.allowed_at(at("192.0.2.1:2")), now);
}

TEST(ProbeLimiterTest, FifteenPerSecondToOneAddress) {
  ProbeLimiter limiter;
  const SteadyTime now{10s};
  for (std::uint16_t port = 1; port <= 15; ++port) {
    limiter.on_sent({*net::IpAddress::parse("192.0.2.1"), port}, now);
  }
  EXPECT_EQ(limiter.allowed_at(at("192.0.2.1:99")), now + 1s);
  EXPECT_LE(limiter.allowed_at(at("192.0.2.2:99")), now);
}

TEST(NominationTest, HigherNumberWinsWhateverTheOrderOfArrival) {
  Nomination nomination(true);
  EXPECT_TRUE(nomination.select(PairId{1}, *nomination.on_request(2), false));
  EXPECT_EQ(nomination.on_request(1), std::nullopt);
  EXPECT_TRUE(nomination.select(PairId{3}, *nomination.on_request(3), false));
  EXPECT_FALSE(nomination.select(PairId{1}, 2, true));
  EXPECT_EQ(nomination.selected(), PairId{3});
}

TEST(NominationTest, PlainControlledSideKeepsTheHighestPair) {
  Nomination nomination(false);
  EXPECT_TRUE(nomination.select(PairId{1}, *nomination.on_request(std::nullopt), true));
  EXPECT_FALSE(nomination.select(PairId{2}, *nomination.on_request(std::nullopt), false));
  EXPECT_TRUE(nomination.select(PairId{3}, *nomination.on_request(std::nullopt), true));
}

TEST(NominationTest, AnswerToAReplacedNominationSettlesNothing) {
  Nomination nomination(true);
  EXPECT_TRUE(nomination.begin(PairId{1}));
  nomination.on_sent();
  EXPECT_TRUE(nomination.begin(PairId{2}));
  EXPECT_FALSE(nomination.on_answered(PairId{1}));
  EXPECT_TRUE(nomination.on_answered(PairId{2}));
  EXPECT_EQ(nomination.number(), 2u);
}

TEST(NominationTest, StandsOnlyWhenSettledAndNothingReplacesIt) {
  Nomination nomination(true);
  EXPECT_FALSE(nomination.is_standing(PairId{1}));
  nomination.begin(PairId{1});
  EXPECT_FALSE(nomination.is_standing(PairId{1})) << "not answered yet";
  nomination.on_answered(PairId{1});
  EXPECT_TRUE(nomination.is_standing(PairId{1}));
  EXPECT_FALSE(nomination.is_standing(PairId{2}));
  nomination.begin(PairId{2});
  EXPECT_FALSE(nomination.is_standing(PairId{1})) << "it would carry the number of its successor";
  nomination.on_failed(PairId{2});
  EXPECT_TRUE(nomination.is_standing(PairId{1}));
  nomination.restart();
  EXPECT_FALSE(nomination.is_standing(PairId{1})) << "the peer has forgotten it";
}

TEST(NominationTest, NeverStandsInPlainIce) {
  Nomination nomination(false);
  nomination.begin(PairId{1});
  nomination.on_answered(PairId{1});
  EXPECT_FALSE(nomination.is_standing(PairId{1}));
}

TEST(EarlyChecksTest, NewestOfASourceStaysAndKeepsItsNomination) {
  EarlyChecks early;
  stun::BindingRequest nominating;
  nominating.use_candidate = true;
  nominating.nomination = 4;
  early.remember({"u", net::BaseId{1}, at("192.0.2.1:1"), nominating});
  early.remember({"u", net::BaseId{1}, at("192.0.2.1:1"), {}});
  early.remember({"v", net::BaseId{1}, at("192.0.2.1:1"), {}});
  const auto taken = early.take("u");
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_TRUE(taken[0].request.use_candidate);
  EXPECT_EQ(taken[0].request.nomination, 4u);
  EXPECT_TRUE(early.take("u").empty());
  EXPECT_EQ(early.take("v").size(), 1u);
}

}  // namespace
}  // namespace causeway::ice
