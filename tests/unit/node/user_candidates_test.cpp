// Candidates that the user adds by hand.
#include <gtest/gtest.h>

#include "crypto/ed25519.hpp"
#include "crypto/x25519.hpp"
#include "node/node.hpp"

namespace causeway::node {
namespace {

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

struct UserCandidates : ::testing::Test {
  SeededRandom random{1};
  Now now{SteadyTime{1000s}, WallTime{1'790'000'000s}};
  std::optional<store::NodeState> saved;
  std::vector<ice::Candidate> to_rank;

  Node::Options options() {
    Node::Options made;
    made.keys = {crypto::generate_identity(random).secret, crypto::generate_session_keys(random).secret};
    made.state.virtual_address = net::IpAddress::parse("10.10.0.101");
    made.state.on_link = net::Prefix::parse("10.10.0.0/24");
    return made;
  }
  static peer::LocalBases bases() {
    const auto base = [](std::uint32_t id, const char* address, bool is_default) {
      return std::pair{
          net::BaseId{id},
          peer::LocalBase{.base = net::BaseId{id}, .address = at(address), .has_default_route = is_default}};
    };
    return {base(1, "192.168.7.7:5000", false), base(2, "192.168.0.100:5000", true),
            base(3, "[2001:db8::7]:5000", true)};
  }
  void obey(Node& node) {
    while (auto action = node.poll_action()) {
      if (const auto* save = std::get_if<SaveState>(&*action)) saved = save->state;
      if (const auto* rank = std::get_if<RankCandidates>(&*action)) to_rank = rank->candidates;
    }
  }
  std::vector<const ice::Candidate*> of_user() const {
    std::vector<const ice::Candidate*> list;
    for (const auto& candidate : to_rank) {
      if (candidate.source == "user") list.push_back(&candidate);
    }
    return list;
  }
};

TEST_F(UserCandidates, HangOnTheBaseWithTheDefaultRoute) {
  Node node(options(), random);
  node.on_bases_changed(bases(), now);
  ASSERT_TRUE(node.add_user_candidate(at("203.0.113.7:41000"), now));
  obey(node);
  ASSERT_EQ(of_user().size(), 1u);
  EXPECT_EQ(of_user()[0]->base, net::BaseId{2});
  EXPECT_EQ(of_user()[0]->type, ice::CandidateType::server_reflexive);
  EXPECT_EQ(of_user()[0]->address, at("203.0.113.7:41000"));

  // The default route goes elsewhere: so does a router's forwarding that serves us.
  auto moved = bases();
  moved.at(net::BaseId{1}).has_default_route = true;
  moved.at(net::BaseId{2}).has_default_route = false;
  node.on_bases_changed(moved, now);
  obey(node);
  ASSERT_EQ(of_user().size(), 1u);
  EXPECT_EQ(of_user()[0]->base, net::BaseId{1});
}

TEST_F(UserCandidates, AreKept) {
  auto given = options();
  {
    Node node(given, random);
    ASSERT_TRUE(node.add_user_candidate(at("203.0.113.7:41000"), now));
    ASSERT_TRUE(node.add_user_candidate(at("203.0.113.7:41000"), now)) << "twice is as good as once";
    obey(node);
  }
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->user_candidates, std::vector{at("203.0.113.7:41000")});
  given.state = *saved;
  Node again(given, random);
  again.on_bases_changed(bases(), now);
  obey(again);
  EXPECT_EQ(of_user().size(), 1u);
  ASSERT_TRUE(again.remove_user_candidate(at("203.0.113.7:41000"), now));
  obey(again);
  EXPECT_TRUE(of_user().empty());
  EXPECT_TRUE(saved->user_candidates.empty());
  EXPECT_FALSE(again.remove_user_candidate(at("203.0.113.7:41000"), now));
}

TEST_F(UserCandidates, NonsenseIsRefusedWithTheReason) {
  Node node(options(), random);
  node.on_bases_changed(bases(), now);
  for (const auto& [address, reason] :
       std::vector<std::pair<const char*, const char*>>{{"203.0.113.7:0", "port 0"},
                                                        {"127.0.0.1:5000", "loopback"},
                                                        {"[::1]:5000", "loopback"},
                                                        {"224.0.0.1:5000", "multicast"},
                                                        {"[ff02::1]:5000", "multicast"},
                                                        {"0.0.0.0:5000", "unspecified"},
                                                        {"255.255.255.255:5000", "unicast"},
                                                        {"169.254.1.1:5000", "link-local"},
                                                        {"[fe80::1]:5000", "link-local"},
                                                        {"10.10.0.101:5000", "own virtual address"},
                                                        {"10.10.0.7:5000", "virtual address of this network"},
                                                        {"192.168.0.100:5000", "host candidate already"}}) {
    const auto added = node.add_user_candidate(at(address), now);
    ASSERT_FALSE(added) << address;
    EXPECT_NE(added.error().message.find(reason), std::string::npos) << added.error().message;
  }
  EXPECT_TRUE(node.state().user_candidates.empty());
}

TEST_F(UserCandidates, AreBounded) {
  Node node(options(), random);
  for (std::uint16_t port = 1; port <= store::kMaxUserCandidates; ++port)
    EXPECT_TRUE(node.add_user_candidate({at("203.0.113.7:1").address, port}, now));
  EXPECT_FALSE(node.add_user_candidate(at("203.0.113.7:999"), now));
}

TEST_F(UserCandidates, OneWithoutABaseOfItsFamilyIsShownAsIgnored) {
  Node node(options(), random);
  auto only_v4 = bases();
  only_v4.erase(net::BaseId{3});
  node.on_bases_changed(only_v4, now);
  ASSERT_TRUE(node.add_user_candidate(at("[2001:db8:1::1]:5000"), now));
  obey(node);
  EXPECT_TRUE(of_user().empty());
  ASSERT_EQ(node.candidates().ignored().size(), 1u);
  EXPECT_EQ(node.candidates().ignored()[0].reason, "no local address of its family is in use");
}

TEST_F(UserCandidates, WinOverWhatAServerSaysOfTheSameAddress) {
  Node node(options(), random);
  node.on_bases_changed(bases(), now);
  node.on_candidate_found("candidates-stun", net::BaseId{2}, ice::CandidateType::server_reflexive,
                          at("203.0.113.7:41000"), now);
  ASSERT_TRUE(node.add_user_candidate(at("203.0.113.7:41000"), now));
  obey(node);
  EXPECT_EQ(of_user().size(), 1u);
  EXPECT_EQ(to_rank.size(), 4u) << "three host candidates and one more";
}

}  // namespace
}  // namespace causeway::node
