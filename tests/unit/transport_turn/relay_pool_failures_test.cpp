// Relays that fail, servers that refuse, credentials that run out.
#include "relay_pool_fixture.hpp"

namespace transport_turn::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(RelayPoolTest, NobodyAnswersAndGatheringEndsAllTheSame) {
  machine(kOne).dead_kinds = {CW_LINK_UDP, CW_LINK_TCP, CW_LINK_TLS};
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP), way(kOne, CW_LINK_TLS)});
  pass(4 * kSecond);
  const int before = done_;
  pass(kSecond);
  EXPECT_EQ(done_, before + 1);
}

TEST_F(RelayPoolTest, AServerThatComesBackIsFoundSoon) {
  machine(kOne).dead_kinds = {CW_LINK_UDP};
  machine(kOne).refused_kinds = {CW_LINK_TCP};
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP)});
  pass(30 * kMinute);
  EXPECT_LT(opened_[CW_LINK_TCP], 100) << "with patience";
  machine(kOne).dead_kinds = {};
  machine(kOne).refused_kinds = {};
  const std::int64_t back = now_;
  pass_until([&] { return !relays().empty(); }, kMinute);
  EXPECT_LE(since(back), 40'000);
}

TEST_F(RelayPoolTest, ARestartedServerIsAskedAgainAtOnce) {
  begin({way(kOne, CW_LINK_UDP)});
  pass(5 * kMinute);
  server_restarts(kOne);
  const auto old = relays_.begin()->first;
  const int before = opened_[CW_LINK_UDP];
  pass(kRefreshUdp + kSecond);
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0"));
  EXPECT_GT(opened_[CW_LINK_UDP], before);
  EXPECT_EQ(links_.count(old), relays_.count(old));
}

TEST_F(RelayPoolTest, AServerThatFallsSilentIsReplacedByTheSpare) {
  begin({way(kOne, CW_LINK_UDP), way(kTwo, CW_LINK_UDP), way(kThree, CW_LINK_UDP)});
  pass(kMinute);
  EXPECT_EQ(relays().size(), 2U);
  machine(kOne).dead_kinds = {CW_LINK_UDP};
  pass(kRefreshUdp + 41 * kSecond);
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.20:0", "udp 203.0.113.30:0"));
}

TEST_F(RelayPoolTest, AStreamThatEndsIsOpenedAgain) {
  begin({way(kOne, CW_LINK_TCP)});
  const auto link = relays_.begin()->first;
  links_.erase(link);
  relays_.erase(link);
  pool_.on_link(link, false, "end of stream in mid-frame", now_);
  settle();
  pass(kSecond);
  EXPECT_THAT(relays(), ElementsAre("tcp 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, ALinkThatNeverOpensIsGivenUp) {
  machine(kOne).dead_kinds = {CW_LINK_TCP};
  begin({way(kOne, CW_LINK_TCP)});
  EXPECT_EQ(links_.size(), 1U);
  pass(kOpenLimit);
  EXPECT_THAT(links_, IsEmpty());
}

TEST_F(RelayPoolTest, AMismatchIsTriedFromAnotherPort) {
  int mismatches = 0;
  machine(kOne).turn.instead = [&](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008) || mismatches == 2) return std::nullopt;
    ++mismatches;
    return TurnServer::refuse(asked, 437).seal(server.key()).bytes();
  };
  begin({way(kOne, CW_LINK_UDP)});
  pass(kSecond);
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, EndlessMismatchesSlowDown) {
  machine(kOne).turn.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008)) return std::nullopt;
    return TurnServer::refuse(asked, 437).seal(server.key()).bytes();
  };
  begin({way(kOne, CW_LINK_UDP)});
  pass(30 * kMinute);
  EXPECT_LT(opened_[CW_LINK_UDP], 120);
}

TEST_F(RelayPoolTest, QuotaIsRespected) {
  machine(kOne).turn.instead = [](TurnServer& server, const Asked& asked) -> std::optional<Bytes> {
    if (!asked.has(0x0008)) return std::nullopt;
    return TurnServer::refuse(asked, 486).seal(server.key()).bytes();
  };
  begin({way(kOne, CW_LINK_UDP)});
  pass(60 * kMinute);
  EXPECT_LT(opened_[CW_LINK_UDP], 25);
  EXPECT_EQ(warnings_, 1) << "said once";
}

TEST_F(RelayPoolTest, FollowsToAnotherServer) {
  machine(kOne).turn.instead = [](TurnServer&, const Asked& asked) -> std::optional<Bytes> {
    return TurnServer::refuse(asked, 300).address(0x8023, kTwo, false).bytes();
  };
  begin({way(kOne, CW_LINK_UDP)});
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.20:0"));
}

TEST_F(RelayPoolTest, IsNotLedInCircles) {
  const auto send_to = [](const cw_address& where) {
    return [where](TurnServer&, const Asked& asked) -> std::optional<Bytes> {
      return TurnServer::refuse(asked, 300).address(0x8023, where, false).bytes();
    };
  };
  machine(kOne).turn.instead = send_to(kTwo);
  machine(kTwo).turn.instead = send_to(kOne);
  begin({way(kOne, CW_LINK_UDP)});
  pass(10 * kMinute);
  EXPECT_THAT(relays(), IsEmpty());
  EXPECT_LT(opened_[CW_LINK_UDP], 20);
}

TEST_F(RelayPoolTest, AHostThatOpensNothing) {
  is_host_full_ = true;
  begin({way(kOne, CW_LINK_UDP)});
  pass(kMinute);
  EXPECT_THAT(relays(), IsEmpty());
  is_host_full_ = false;
  pass(kMinute);
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, NewCredentialsAfterARefusalAreTriedAtOnce) {
  begin({way(kOne, CW_LINK_UDP, "old")});
  EXPECT_THAT(relays(), IsEmpty());
  configure({way(kOne, CW_LINK_UDP)});
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, NewCredentialsDisturbNothing) {
  begin({way(kOne, CW_LINK_UDP)});
  pass(kMinute);
  const auto before = relays_.begin()->first;
  auto renewed = way(kOne, CW_LINK_UDP);
  renewed.credentials.username = "bob";
  configure({renewed});
  pass(kMinute);
  ASSERT_EQ(relays_.size(), 1U);
  EXPECT_EQ(relays_.begin()->first, before);
}

TEST_F(RelayPoolTest, CredentialsThatRanOutAreReplacedWithoutAGap) {
  begin({way(kOne, CW_LINK_UDP)});
  pool_.want_peer(relays_.begin()->first, kBob, now_);
  settle();
  auto renewed = way(kOne, CW_LINK_UDP);
  renewed.credentials = {"bob", "another"};
  configure({renewed});
  machine(kOne).turn.username = "bob";
  machine(kOne).turn.password = "another";
  for (auto& [link, turn] : machine(kOne).by_link)
    turn.username = "bob";
  pass(kRefreshUdp);
  EXPECT_EQ(relays().size(), 2U) << "the old one until it runs out, and its replacement";
  pass(kGrace);
  EXPECT_EQ(relays().size(), 1U);
}

TEST_F(RelayPoolTest, CredentialsThatRanOutWithoutNewOnes) {
  begin({way(kOne, CW_LINK_UDP)});
  for (auto& [link, turn] : machine(kOne).by_link)
    turn.username = "bob";
  machine(kOne).turn.username = "bob";
  pass(kRefreshUdp);
  EXPECT_EQ(relays().size(), 1U);
  EXPECT_EQ(warnings_, 1);
  pass(11 * kMinute);
  EXPECT_THAT(relays(), IsEmpty());
}

}  // namespace
}  // namespace transport_turn::test
