// Our ICE agent and libnice's NiceAgent, over UDP sockets in a network namespace of the test's own:
//
//   ours 10.88.0.1, fd88::1   <-- lo: UDP -->   10.88.0.2, fd88::2 NiceAgent       10.88.0.3: either's second
//
// Credentials and candidates are handed over in memory, as a signalling server would.
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "nice_side.hpp"
#include "our_side.hpp"
#include "support/network_namespace.hpp"

namespace causeway::interop {
namespace {

using ice::AgentState;
using ice::Role;

constexpr Duration kLimit = 10s;
constexpr std::uint64_t kLowest = 0, kHighest = std::numeric_limits<std::uint64_t>::max();
constexpr unsigned kRegular = NICE_AGENT_OPTION_REGULAR_NOMINATION | NICE_AGENT_OPTION_CONSENT_FRESHNESS;
constexpr unsigned kTrickle = kRegular | NICE_AGENT_OPTION_ICE_TRICKLE;

/// What an agent that talks to strangers sets: docs/ice.md.
ice::Agent::Options plain_options() {
  ice::Agent::Options options;
  options.ta = 50ms;
  options.rto = 500ms;
  options.allow_renomination = false;
  return options;
}

class NiceAgentTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string error = test::enter_new_network_namespace();
    ASSERT_EQ(error, "");
    ASSERT_TRUE(test::ip("link set lo up"));
    for (const char* address : {"10.88.0.1/32", "10.88.0.2/32", "10.88.0.3/32"})
      ASSERT_TRUE(test::ip(std::string("addr add ") + address + " dev lo"));
    for (const char* address : {"fd88::1/128", "fd88::2/128"})
      ASSERT_TRUE(test::ip(std::string("addr add ") + address + " dev lo nodad"));
  }

  void make(Role our_role, bool nice_controls, unsigned nice_options = kRegular,
            std::uint64_t our_tiebreaker = 1, ice::Agent::Options options = plain_options(),
            const std::vector<std::string>& nice_addresses = {"10.88.0.2"}) {
    nice = std::make_unique<NiceSide>(loop, nice_controls, nice_options, nice_addresses);
    ours = std::make_unique<OurSide>(loop, our_role, our_tiebreaker, std::move(options));
    ours->add_host("10.88.0.1");
    ASSERT_TRUE(loop.run_until(kLimit, [&] { return nice->has_gathered(); }));
    ASSERT_FALSE(nice->candidates().empty());
  }
  void exchange_credentials() {
    nice->set_remote_credentials(ours->agent().local_credentials());
    ours->agent().set_remote_credentials(nice->credentials(), read_clocks());
  }
  void give_ours_to_nice() {
    for (const ice::Candidate& candidate : ours->agent().local_candidates())
      nice->add_remote_candidate(candidate);
  }
  void give_nices_to_us() {
    for (const ice::Candidate& candidate : nice->candidates())
      ASSERT_TRUE(ours->agent().add_remote_candidate(candidate, read_clocks()));
  }
  void introduce() {
    exchange_credentials();
    give_ours_to_nice();
    give_nices_to_us();
    ours->agent().set_end_of_candidates(read_clocks());
  }

  void expect_completed() {
    const bool done = loop.run_until(kLimit, [&] {
      return nice->state() == NICE_COMPONENT_STATE_READY && ours->agent().state() == AgentState::completed;
    });
    ASSERT_TRUE(done) << "theirs: " << nice_component_state_to_string(nice->state())
                      << ", ours: " << static_cast<int>(ours->agent().state());
    expect_same_pair();
    expect_data_both_ways();
  }
  void expect_same_pair() {
    const auto mine = ours->selected();
    ASSERT_TRUE(mine);
    const auto theirs = nice->selected();
    EXPECT_EQ(theirs.first, mine->remote.address.to_string());
    EXPECT_EQ(theirs.second, mine->local.address.to_string());
  }
  void expect_data_both_ways() {
    ours->received.clear();
    nice->received.clear();
    ours->send("from ours");
    ASSERT_TRUE(nice->send("from libnice"));
    ASSERT_TRUE(loop.run_until(kLimit, [&] { return !ours->received.empty() && !nice->received.empty(); }));
    EXPECT_EQ(nice->received.front(), "from ours");
    EXPECT_EQ(ours->received.front(), "from libnice");
    EXPECT_EQ(ours->received_from.back(), ours->selected()->remote.address);
  }
  void expect_clean() {
    const auto& counters = ours->agent().counters();
    EXPECT_EQ(counters.unauthentic, 0u);
    EXPECT_EQ(counters.malformed, 0u);
    EXPECT_GT(counters.checks_received, 0u);
    EXPECT_GT(counters.responses_received, 0u);
  }

  EventLoop loop;
  std::unique_ptr<NiceSide> nice;
  std::unique_ptr<OurSide> ours;

  void TearDown() override {
    ours.reset();
    nice.reset();
  }
};

TEST_F(NiceAgentTest, WeControlAndNominate) {
  make(Role::controlling, false);
  introduce();
  expect_completed();
  EXPECT_EQ(ours->agent().role(), Role::controlling);
  EXPECT_EQ(ours->role_changes, 0);
  expect_clean();
}

TEST_F(NiceAgentTest, NiceAgentControlsWithRegularNomination) {
  make(Role::controlled, true);
  introduce();
  expect_completed();
  EXPECT_EQ(ours->agent().role(), Role::controlled);
  expect_clean();
}

TEST_F(NiceAgentTest, NiceAgentControlsWithAggressiveNomination) {
  make(Role::controlled, true, NICE_AGENT_OPTION_NONE, 1, plain_options(), {"10.88.0.2", "10.88.0.3"});
  introduce();
  expect_completed();
  expect_clean();
}

TEST_F(NiceAgentTest, Ipv6) {
  make(Role::controlling, false, kRegular, 1, plain_options(), {"fd88::2"});
  ours->add_host("fd88::1");
  introduce();
  expect_completed();
  EXPECT_EQ(ours->selected()->local.address.address, net::IpAddress::parse("fd88::1"));
  expect_clean();
}

// ---- role conflict (RFC 8445 §7.3.1.1): the larger tiebreaker controls ----

TEST_F(NiceAgentTest, BothControllingAndWeHaveTheLargerTiebreaker) {
  make(Role::controlling, true, kRegular, kHighest);
  introduce();
  expect_completed();
  EXPECT_EQ(ours->agent().role(), Role::controlling);
}

TEST_F(NiceAgentTest, BothControllingAndNiceAgentHasTheLargerTiebreaker) {
  make(Role::controlling, true, kRegular, kLowest);
  introduce();
  expect_completed();
  EXPECT_EQ(ours->agent().role(), Role::controlled);
  EXPECT_EQ(ours->role_changes, 1);
}

TEST_F(NiceAgentTest, BothControlledAndWeHaveTheLargerTiebreaker) {
  make(Role::controlled, false, kRegular, kHighest);
  introduce();
  expect_completed();
  EXPECT_EQ(ours->agent().role(), Role::controlling);
  EXPECT_EQ(ours->role_changes, 1);
}

TEST_F(NiceAgentTest, BothControlledAndNiceAgentHasTheLargerTiebreaker) {
  make(Role::controlled, false, kRegular, kLowest);
  introduce();
  expect_completed();
  EXPECT_EQ(ours->agent().role(), Role::controlled);
}

// ---- trickle (RFC 8838) ----

TEST_F(NiceAgentTest, CandidatesTrickleToNiceAgentOneByOne) {
  make(Role::controlling, false, kTrickle);
  exchange_credentials();
  give_nices_to_us();
  // It has no candidate of ours: it learns from our check (peer-reflexive), then is told.
  ASSERT_TRUE(loop.run_until(kLimit, [&] { return ours->agent().counters().checks_sent > 0; }));
  nice->add_remote_candidate(ours->agent().local_candidates().front());
  ours->add_host("10.88.0.3");
  nice->add_remote_candidate(ours->agent().local_candidates().back());
  nice->end_of_candidates();
  expect_completed();
  expect_clean();
}

TEST_F(NiceAgentTest, CandidatesTrickleToUsOneByOne) {
  make(Role::controlled, true, kTrickle, 1, plain_options(), {"10.88.0.2", "10.88.0.3"});
  exchange_credentials();
  give_ours_to_nice();
  nice->end_of_candidates();
  // Its checks arrive before any candidate of its was told.
  ASSERT_TRUE(loop.run_until(kLimit, [&] { return ours->agent().counters().checks_received > 0; }));
  for (const ice::Candidate& candidate : nice->candidates()) {
    ours->agent().add_remote_candidate(candidate, read_clocks());
    const auto sent = ours->agent().counters().checks_sent;
    ASSERT_TRUE(loop.run_until(kLimit, [&] { return ours->agent().counters().checks_sent > sent; }));
  }
  ours->agent().set_end_of_candidates(read_clocks());
  expect_completed();
  for (const ice::Candidate& candidate : ours->agent().remote_candidates())
    EXPECT_EQ(candidate.type, ice::CandidateType::host) << candidate.address.to_string();
}

TEST_F(NiceAgentTest, ChecksBeforeOurCredentialsAreRemembered) {
  make(Role::controlled, true, kTrickle);
  nice->set_remote_credentials(ours->agent().local_credentials());
  give_ours_to_nice();
  ASSERT_TRUE(loop.run_until(kLimit, [&] { return ours->agent().counters().checks_received > 0; }));
  EXPECT_EQ(ours->agent().state(), AgentState::gathering);
  ours->agent().set_remote_credentials(nice->credentials(), read_clocks());
  give_nices_to_us();
  expect_completed();
}

// ---- what comes later ----

TEST_F(NiceAgentTest, ARestartOfNiceAgentIsFollowed) {
  make(Role::controlling, false);
  introduce();
  expect_completed();
  const auto old = nice->credentials();
  nice->restart();
  ASSERT_NE(nice->credentials().ufrag, old.ufrag);
  exchange_credentials();
  give_ours_to_nice();
  for (const ice::Candidate& candidate : nice->candidates())
    ours->agent().add_remote_candidate(candidate, read_clocks());
  // Our pair stays usable meanwhile; a nomination of the new generation ends it.
  const auto nominated = ours->selected();
  ASSERT_TRUE(nominated);
  const auto responses = ours->agent().counters().responses_received;
  ASSERT_TRUE(
      loop.run_until(kLimit, [&] { return ours->agent().counters().responses_received > responses; }));
  ASSERT_TRUE(ours->agent().nominate(nominated->id, read_clocks()));
  expect_completed();
}

// NOMINATION is comprehension-optional. libnice 0.1.21 reads it, and stays with the pair of the highest
// priority all the same: the two ends then use different valid pairs, and data must pass both ways.
TEST_F(NiceAgentTest, RenominationDoesNoHarm) {
  ice::Agent::Options options = plain_options();
  options.allow_renomination = true;
  make(Role::controlling, false, kRegular | NICE_AGENT_OPTION_SUPPORT_RENOMINATION, 1, options);
  ours->add_host("10.88.0.3");
  introduce();
  ASSERT_TRUE(loop.run_until(kLimit, [&] { return ours->valid_pairs() == 2; }));
  expect_completed();
  const auto first = ours->selected();
  for (const ice::PairView& pair : ours->agent().pairs()) {
    if (pair.id == first->id) continue;
    ASSERT_TRUE(ours->agent().nominate(pair.id, read_clocks()));
  }
  ASSERT_TRUE(loop.run_until(kLimit, [&] {
    const auto mine = ours->selected();
    return mine && mine->id != first->id;
  }));
  EXPECT_EQ(nice->state(), NICE_COMPONENT_STATE_READY);
  expect_data_both_ways();
  expect_clean();
}

TEST_F(NiceAgentTest, RevokedConsentEndsThePairAtTheNextCheck) {
  make(Role::controlling, false);
  introduce();
  expect_completed();
  nice->revoke_consent();
  EXPECT_TRUE(loop.run_until(kLimit, [&] { return ours->valid_pairs() == 0; }));
}

TEST_F(NiceAgentTest, AWrongPasswordAgreesOnNothing) {
  ice::Agent::Options options = plain_options();
  options.patience = 1s;
  options.transmissions = 2;
  options.rto = 50ms;
  make(Role::controlling, false, kRegular, 1, options);
  nice->set_remote_credentials({ours->agent().local_credentials().ufrag, "notOurPassword0123456789"});
  ours->agent().set_remote_credentials({nice->credentials().ufrag, "notItsPassword0123456789"},
                                       read_clocks());
  give_ours_to_nice();
  give_nices_to_us();
  ours->agent().set_end_of_candidates(read_clocks());
  ASSERT_TRUE(loop.run_until(kLimit, [&] { return ours->agent().state() == AgentState::failed; }));
  EXPECT_NE(nice->state(), NICE_COMPONENT_STATE_READY);
  EXPECT_GT(ours->agent().counters().unauthentic, 0u);
}

}  // namespace
}  // namespace causeway::interop
