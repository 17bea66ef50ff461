#include "transport-turn/relay_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "transport-turn/turn_times.hpp"
#include "turn_server.hpp"

namespace transport_turn::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const cw_address kOne = at("203.0.113.9:3478");
const cw_address kTwo = at("203.0.113.20:3478");
const cw_address kThree = at("203.0.113.30:3478");
const cw_address kBob = at("198.51.100.77:4500");

Server way(const cw_address& address, std::uint32_t kind, const char* password = "secret") {
  Server server;
  server.uri = "turn:relay.example";
  server.host = "relay.example";
  server.kind = kind;
  server.address = address;
  server.credentials = {"alice", password};
  return server;
}

/// Hosts and TURN servers of one network, in virtual time: a host that opens every link at once, and servers
/// that can be cut off by kind.
class RelayPoolTest : public ::testing::Test, private World {
 protected:
  struct Machine {
    TurnServer turn;
    std::map<std::uint32_t, TurnServer> by_link;  ///< an allocation for each link
    std::set<std::uint32_t> dead_kinds;           ///< packets of these vanish
    std::set<std::uint32_t> refused_kinds;        ///< connections of these fail at once
    bool has_ipv6 = false;
  };
  struct Opened {
    std::uint32_t base = 0;
    Server server;
  };

  RelayPoolTest() {
    for (const cw_address& address : {kOne, kTwo, kThree})
      machines_[to_text(address)].turn.relayed = without_port(address);
  }
  Machine& machine(const cw_address& address) { return machines_.at(to_text(address)); }

  void configure(std::vector<Server> servers) {
    ServerList list;
    list.servers = std::move(servers);
    pool_.set_servers(std::move(list), now_);
    settle();
  }
  void set_bases(std::vector<Base> bases) {
    for (auto& [id, link] : std::map(links_)) {
      const bool is_there = std::any_of(
          bases.begin(), bases.end(), [&, base = link.base](const Base& other) { return other.id == base; });
      if (!is_there) {
        links_.erase(id);
        relays_.erase(id);
      }
    }
    pool_.set_bases(std::move(bases), now_);
    settle();
  }
  void begin(std::vector<Server> servers) {
    configure(std::move(servers));
    set_bases({{1, at("192.168.0.100:7000")}});
  }
  void pass(std::int64_t span) {
    const std::int64_t end = now_ + span;
    while (pool_.next_time() && *pool_.next_time() <= end) {
      now_ = std::max(now_, *pool_.next_time());
      pool_.on_time(now_);
      settle();
      ASSERT_LT(++calls_, 200'000) << "called without end";
    }
    now_ = end;
  }
  /// Links open and messages travel, until nothing is left to do.
  void settle() {
    for (int round = 0; !events_.empty(); ++round) {
      ASSERT_LT(round, 10'000);
      auto event = std::move(events_.front());
      events_.erase(events_.begin());
      event();
    }
  }
  void server_restarts(const cw_address& address) {
    for (auto& [link, turn] : machine(address).by_link)
      turn.has_allocation = false;
  }
  std::vector<std::string> relays() const {
    std::vector<std::string> found;
    for (const auto& [link, text] : relays_)
      found.push_back(text);
    std::sort(found.begin(), found.end());
    return found;
  }
  std::int64_t since(std::int64_t begin) const { return (now_ - begin) / kMillisecond; }
  template <class Condition>
  void pass_until(Condition is_met, std::int64_t limit) {
    const std::int64_t end = now_ + limit;
    while (!is_met() && now_ < end)
      pass(10 * kMillisecond);
    EXPECT_TRUE(is_met());
  }

  // ---- World ----
  bool open(std::uint32_t link, std::uint32_t base, const Server& server, bool) override {
    EXPECT_LT(link, CW_MAX_LINKS);
    EXPECT_EQ(links_.count(link), 0U) << "the id is in use";
    if (is_host_full_) return false;
    links_[link] = {base, server};
    ++opened_[server.kind];
    const auto found = machines_.find(to_text(server.address));
    if (found == machines_.end() ||
        (server.kind != CW_LINK_UDP && found->second.dead_kinds.count(server.kind)))
      return true;  // nothing ever comes back
    Machine& machine = found->second;
    if (machine.refused_kinds.count(server.kind) != 0) {
      events_.push_back([this, link] {
        if (links_.erase(link) != 0) pool_.on_link(link, false, "connection refused", now_);
      });
      return true;
    }
    machine.by_link[link] = machine.turn;
    machine.by_link[link].relayed.port = static_cast<std::uint16_t>(50'000 + link + 100 * server.kind);
    events_.push_back([this, link] { pool_.on_link(link, true, "", now_); });
    return true;
  }
  void close(std::uint32_t link) override {
    EXPECT_EQ(links_.erase(link), 1U) << "the host has no such link";
    relays_.erase(link);
    published_.erase(link);
  }
  void send(std::uint32_t link, const Bytes& message) override {
    ASSERT_EQ(links_.count(link), 1U);
    const Opened opened = links_[link];
    Machine& machine = machines_.at(to_text(opened.server.address));
    if (machine.dead_kinds.count(opened.server.kind) != 0) return;
    TurnServer& turn = machine.by_link[link];
    const Asked asked = Asked::parse(message);
    if (asked.has(0x0017)) {
      if (!machine.has_ipv6 && asked.has(0x0008)) {
        reply(link, TurnServer::refuse(asked, 440).seal(turn.key()).bytes());
        return;
      }
      turn.relayed = at("[2001:db8::9]:50000");
    }
    reply(link, turn.answer(message));
  }
  void reply(std::uint32_t link, Bytes bytes) {
    events_.push_back([this, link, bytes] {
      if (links_.count(link) != 0) pool_.on_message(link, bytes, now_);
    });
  }
  void allocated(std::uint32_t link, std::uint32_t kind, const TurnClient::Allocation& allocation) override {
    static const char* const kNames[] = {"udp ", "tcp ", "tls "};
    cw_address server = allocation.relayed;
    relays_[link] = kNames[kind] + to_text(without_port(server));
    first_relay_at_ = first_relay_at_ < 0 ? now_ : first_relay_at_;
  }
  void lost(std::uint32_t link, std::string_view) override { EXPECT_EQ(relays_.erase(link), 1U); }
  void done() override { ++done_; }
  void random(std::uint8_t* bytes, std::size_t size) override {
    while (size-- > 0)
      *bytes++ = static_cast<std::uint8_t>(random_());
  }
  void log(std::int32_t level, const std::string& text) override {
    EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("secret")));
    if (level >= CW_LOG_WARNING) ++warnings_;
  }
  void publish(std::uint32_t link, std::unique_ptr<const RouteTable> routes) override {
    if (routes) {
      EXPECT_EQ(relays_.count(link), 1U) << "routes of a relay that the host does not know";
      published_[link] = std::move(routes);
    } else {
      published_.erase(link);
    }
  }

  std::mt19937 random_{3};
  std::map<std::string, Machine> machines_;
  std::vector<std::function<void()>> events_;
  std::map<std::uint32_t, Opened> links_;
  std::map<std::uint32_t, std::string> relays_;
  std::map<std::uint32_t, std::unique_ptr<const RouteTable>> published_;
  std::map<std::uint32_t, int> opened_;
  std::int64_t now_ = kSecond;
  std::int64_t first_relay_at_ = -1;
  int calls_ = 0;
  int done_ = 0;
  int warnings_ = 0;
  bool is_host_full_ = false;
  RelayPool pool_{*this};
};

// ---- which relays
// -------------------------------------------------------------------------------------------

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

// ---- failures
// -----------------------------------------------------------------------------------------------

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

// ---- credentials
// --------------------------------------------------------------------------------------------

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

// ---- configuration and bases
// --------------------------------------------------------------------------------

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
