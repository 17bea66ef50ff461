// Which relays are held: servers, ways to them, bases, configurations.
#include "relay_pool_fixture.hpp"

namespace transport_turn::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(RelayPoolTest, WithoutServersItIsDoneAtOnce) {
  begin({});
  EXPECT_GE(done_, 1);
  EXPECT_FALSE(pool_.next_time());
}

TEST_F(RelayPoolTest, UdpAloneWhenUdpAnswers) {
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP), way(kOne, CW_LINK_TLS)});
  pass(kMinute);
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0"));
  EXPECT_EQ(opened_[CW_LINK_TCP], 0);
  EXPECT_EQ(opened_[CW_LINK_TLS], 0);
  EXPECT_GE(done_, 1);
}

TEST_F(RelayPoolTest, StreamsFollowWhenUdpIsBlocked) {
  machine(kOne).dead_kinds = {CW_LINK_UDP};
  const std::int64_t begun = now_;
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP), way(kOne, CW_LINK_TLS)});
  pass_until([&] { return first_relay_at_ >= 0; }, 5 * kSecond);
  EXPECT_EQ((first_relay_at_ - begun) / kMillisecond, 500);
  EXPECT_THAT(relays(), ElementsAre("tcp 203.0.113.9:0"));
  EXPECT_GE(done_, 1);
}

TEST_F(RelayPoolTest, TlsWhenNothingElsePasses) {
  machine(kOne).dead_kinds = {CW_LINK_UDP, CW_LINK_TCP};
  const std::int64_t begun = now_;
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP), way(kOne, CW_LINK_TLS)});
  pass_until([&] { return first_relay_at_ >= 0; }, 5 * kSecond);
  EXPECT_EQ((first_relay_at_ - begun) / kMillisecond, 750);
  EXPECT_THAT(relays(), ElementsAre("tls 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, AStreamAloneIsTriedAtOnce) {
  begin({way(kOne, CW_LINK_TCP)});
  EXPECT_THAT(relays(), ElementsAre("tcp 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, UdpThatComesBackTakesOverFromTcp) {
  machine(kOne).dead_kinds = {CW_LINK_UDP};
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP)});
  pass(10 * kMinute);
  EXPECT_THAT(relays(), ElementsAre("tcp 203.0.113.9:0"));
  machine(kOne).dead_kinds = {};
  pass_until([&] { return relays().size() == 2; }, 6 * kMinute);
  EXPECT_THAT(relays(), ElementsAre("tcp 203.0.113.9:0", "udp 203.0.113.9:0"));
  pass(kGrace - kSecond);
  EXPECT_EQ(relays().size(), 2U) << "paths over TCP have time to move";
  pass(2 * kSecond);
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0"));
}

TEST_F(RelayPoolTest, TheFirstTwoServersOfThreeAreKept) {
  begin({way(kOne, CW_LINK_UDP), way(kTwo, CW_LINK_UDP), way(kThree, CW_LINK_UDP)});
  pass(kMinute);
  EXPECT_EQ(relays().size(), RelayPool::kMaxRelaysV4);
  EXPECT_EQ(opened_[CW_LINK_UDP], 3 + 2) << "all are asked side by side; IPv6 where IPv4 was given";
  EXPECT_EQ(links_.size(), RelayPool::kMaxRelaysV4) << "the third was given back";
}

TEST_F(RelayPoolTest, ADeadServerAmongTwoTakesNoTime) {
  machine(kOne).dead_kinds = {CW_LINK_UDP};
  begin({way(kOne, CW_LINK_UDP), way(kTwo, CW_LINK_UDP)});
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.20:0"));
  EXPECT_GE(done_, 1);
}

TEST_F(RelayPoolTest, EveryBaseHasItsOwn) {
  configure({way(kOne, CW_LINK_UDP)});
  set_bases({{1, at("192.168.0.100:7000")},
             {2, at("10.0.0.5:7000")},
             {3, at("169.254.3.3:7000")},
             {4, at("[2001:db8::5]:7000")}});
  EXPECT_EQ(relays().size(), 2U) << "not from link-local, not from the other family";
}

TEST_F(RelayPoolTest, Ipv6WhereTheServerHasIt) {
  machine(kOne).has_ipv6 = true;
  begin({way(kOne, CW_LINK_UDP)});
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.9:0", "udp [2001:db8::9]:0"));
}

TEST_F(RelayPoolTest, NoIpv6IsOrdinary) {
  begin({way(kOne, CW_LINK_UDP)});
  pass(20 * kMinute);
  EXPECT_EQ(warnings_, 0);
  EXPECT_EQ(opened_[CW_LINK_UDP], 2) << "asked for once";
}

TEST_F(RelayPoolTest, AServerNoLongerConfiguredIsGivenBack) {
  begin({way(kOne, CW_LINK_UDP), way(kTwo, CW_LINK_UDP)});
  EXPECT_EQ(relays().size(), 2U);
  configure({way(kTwo, CW_LINK_UDP)});
  EXPECT_THAT(relays(), ElementsAre("udp 203.0.113.20:0"));
  configure({});
  EXPECT_THAT(relays(), IsEmpty());
  EXPECT_THAT(links_, IsEmpty());
}

TEST_F(RelayPoolTest, ABaseThatIsGoneTakesItsRelaysAlong) {
  configure({way(kOne, CW_LINK_UDP)});
  set_bases({{1, at("192.168.0.100:7000")}, {2, at("10.0.0.5:7000")}});
  EXPECT_EQ(relays().size(), 2U);
  const int before = opened_[CW_LINK_UDP];
  set_bases({{2, at("10.0.0.5:7000")}});
  EXPECT_EQ(relays().size(), 1U);
  EXPECT_EQ(opened_[CW_LINK_UDP], before) << "the other base is left alone";
  set_bases({{2, at("10.0.0.5:7000")}, {3, at("192.168.0.100:7000")}});
  EXPECT_EQ(relays().size(), 2U);
}

TEST_F(RelayPoolTest, ManyBasesAndServersStayWithinTheLinks) {
  std::vector<Server> servers;
  for (int i = 0; i < 16; ++i) {
    cw_address address = kThree;
    address.octets[3] = static_cast<std::uint8_t>(100 + i);
    machines_[to_text(address)].turn.relayed = without_port(address);
    servers.push_back(way(address, CW_LINK_UDP));
  }
  configure(servers);
  std::vector<Base> bases;
  for (std::uint32_t i = 0; i < 20; ++i) {
    cw_address address = at("192.168.0.1:7000");
    address.octets[3] = static_cast<std::uint8_t>(1 + i);
    bases.push_back({i + 1, address});
  }
  set_bases(bases);
  pass(kMinute);
  EXPECT_EQ(relays().size(), RelayPool::kMaxBases * RelayPool::kMaxRelaysV4);
}

TEST_F(RelayPoolTest, PeersAreLetInAndTheRoutesTold) {
  begin({way(kOne, CW_LINK_UDP)});
  const auto link = relays_.begin()->first;
  pool_.want_peer(link, kBob, now_);
  settle();
  ASSERT_EQ(published_.count(link), 1U);
  ASSERT_NE(published_[link]->find(kBob), nullptr);
  EXPECT_TRUE(published_[link]->find(kBob)->is_bound);
  pool_.drop_peer(link, kBob, now_);
  settle();
  EXPECT_EQ(published_[link]->find(kBob), nullptr);
}

TEST_F(RelayPoolTest, DrainGivesEverythingBack) {
  begin({way(kOne, CW_LINK_UDP), way(kTwo, CW_LINK_UDP)});
  pool_.drain(now_);
  EXPECT_THAT(links_, IsEmpty());
  EXPECT_THAT(published_, IsEmpty());
  EXPECT_FALSE(pool_.next_time());
  for (const auto& [text, machine] : machines_)
    for (const auto& [link, turn] : machine.by_link)
      EXPECT_FALSE(turn.has_allocation);
}

TEST_F(RelayPoolTest, CallsAboutLinksThatAreNotThere) {
  begin({way(kOne, CW_LINK_UDP)});
  for (const std::uint32_t link : {63U, 64U, 0xffffffffU}) {
    pool_.on_link(link, true, "", now_);
    pool_.on_link(link, false, "", now_);
    pool_.on_message(link, Bytes(20), now_);
    pool_.want_peer(link, kBob, now_);
    pool_.drop_peer(link, kBob, now_);
  }
  EXPECT_EQ(relays().size(), 1U);
}

// Servers die, come back, refuse and lie at random for hours: nothing breaks, and in the end there are
// relays.
TEST_F(RelayPoolTest, WeatherOfAllKinds) {
  begin({way(kOne, CW_LINK_UDP), way(kOne, CW_LINK_TCP), way(kTwo, CW_LINK_UDP), way(kTwo, CW_LINK_TLS),
         way(kThree, CW_LINK_TCP)});
  for (int i = 0; i < 600; ++i) {
    const auto chosen = std::next(machines_.begin(), static_cast<std::ptrdiff_t>(random_() % 3));
    Machine& machine = chosen->second;
    switch (random_() % 6) {
      case 0:
        machine.dead_kinds.insert(static_cast<std::uint32_t>(random_() % 3));
        break;
      case 1:
        machine.dead_kinds.clear();
        break;
      case 2:
        for (auto& [link, turn] : machine.by_link)
          turn.has_allocation = false;
        break;
      case 3:
        for (auto& [link, turn] : machine.by_link)
          turn.nonce = "nonce-" + std::to_string(random_());
        break;
      case 4:
        machine.refused_kinds = {static_cast<std::uint32_t>(random_() % 3)};
        break;
      default:
        machine.refused_kinds.clear();
    }
    if (!relays_.empty()) pool_.want_peer(relays_.begin()->first, kBob, now_);
    settle();
    pass(static_cast<std::int64_t>(random_() % 60) * kSecond);
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
    ASSERT_LE(links_.size(), 20U);
  }
  for (auto& [text, machine] : machines_) {
    machine.dead_kinds.clear();
    machine.refused_kinds.clear();
  }
  pass(20 * kMinute);
  EXPECT_GE(relays().size(), 2U);
}

}  // namespace
}  // namespace transport_turn::test
