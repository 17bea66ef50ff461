// plugins/candidates-stun as the daemon runs it, against servers made of byte arrays.
#include "base/random.hpp"
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

const net::BaseId kWifi{1};
const net::BaseId kCable{2};
const net::Endpoint kWifiAddress = *net::Endpoint::parse("192.168.0.100:41641");
const net::Endpoint kCableAddress = *net::Endpoint::parse("192.168.1.7:41641");
const net::Endpoint kServer1 = *net::Endpoint::parse("198.51.100.1:3478");
const net::Endpoint kServer2 = *net::Endpoint::parse("198.51.100.2:3478");

Bytes attribute(std::uint16_t type, const Bytes& value) {
  Bytes bytes;
  bytes.reserve(value.size() + 8);
  bytes.push_back(static_cast<std::uint8_t>(type >> 8));
  bytes.push_back(static_cast<std::uint8_t>(type));
  bytes.push_back(static_cast<std::uint8_t>(value.size() >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value.size()));
  for (const std::uint8_t byte : value)
    bytes.push_back(byte);
  while (bytes.size() % 4 != 0)
    bytes.push_back(0);
  return bytes;
}

/// XOR-MAPPED-ADDRESS (RFC 8489 §14.2); IPv4 only.
Bytes xor_mapped(const net::Endpoint& address) {
  const std::uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
  Bytes value = {0, 1, static_cast<std::uint8_t>((address.port >> 8) ^ cookie[0]),
                 static_cast<std::uint8_t>((address.port & 0xff) ^ cookie[1])};
  for (int i = 0; i < 4; ++i)
    value.push_back(address.address.data()[i] ^ cookie[i]);
  return attribute(0x0020, value);
}
Bytes mapped(const net::Endpoint& address) {
  Bytes value = {0, 1, static_cast<std::uint8_t>(address.port >> 8),
                 static_cast<std::uint8_t>(address.port & 0xff)};
  for (int i = 0; i < 4; ++i)
    value.push_back(address.address.data()[i]);
  return attribute(0x0001, value);
}

Bytes response(const Bytes& request, const Bytes& attributes, std::uint16_t type = 0x0101) {
  Bytes bytes = request;
  bytes[0] = static_cast<std::uint8_t>(type >> 8);
  bytes[1] = static_cast<std::uint8_t>(type);
  bytes[2] = static_cast<std::uint8_t>(attributes.size() >> 8);
  bytes[3] = static_cast<std::uint8_t>(attributes.size());
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  return bytes;
}

class CandidatesStun : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = world_.host().load(shipped_plugin("candidates-stun"), world_.now());
    ASSERT_TRUE(loaded) << loaded.error().message;
    world_.advance(60s);    // the trial of a new plugin is not looked at here
    world_.events.clear();  // nothing to ask is done at once
  }
  void start(std::vector<net::Endpoint> servers, std::vector<BaseView> bases) {
    world_.host().set_configuration({std::move(servers)}, world_.now());
    world_.events.clear();
    world_.host().set_bases(std::move(bases), world_.now());
  }
  /// Lets time pass from deadline to deadline.
  void run(Duration duration) {
    const SteadyTime end = world_.now().steady + duration;
    while (true) {
      const auto next = world_.host().next_timeout();
      if (!next || *next > end) break;
      world_.advance(std::max(Duration(0), *next - world_.now().steady));
    }
    world_.advance(end - world_.now().steady);
  }
  HostWorld::Sent last_to(const net::Endpoint& server, net::BaseId base = kWifi) {
    for (auto at = world_.sent.rbegin(); at != world_.sent.rend(); ++at) {
      if (at->to == server && at->base == base) return *at;
    }
    ADD_FAILURE() << "nothing was sent to " << server.to_string();
    return {};
  }
  bool give(const net::Endpoint& from, const Bytes& bytes, net::BaseId base = kWifi) {
    return world_.host().on_datagram(base, from, bytes, world_.now());
  }
  void answer(const net::Endpoint& server, const char* address, net::BaseId base = kWifi) {
    EXPECT_TRUE(give(
        server, response(last_to(server, base).bytes, xor_mapped(*net::Endpoint::parse(address))), base));
  }
  std::vector<std::string> events() { return std::exchange(world_.events, {}); }

  const BaseView wifi_{kWifi, kWifiAddress, "wlan0"};
  const BaseView cable_{kCable, kCableAddress, "eth0"};
  HostWorld world_;
};

using Events = std::vector<std::string>;

TEST_F(CandidatesStun, AsksAndReportsTheMappedAddress) {
  start({kServer1}, {wifi_});
  ASSERT_EQ(world_.sent.size(), 1U);
  const Bytes& request = world_.sent[0].bytes;
  ASSERT_EQ(request.size(), 20U) << "no attributes, no SOFTWARE";
  EXPECT_EQ(to_hex(ByteView(request).first(8)), "000100002112a442");
  answer(kServer1, "203.0.113.9:50001");
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50001", "done"}));
}

TEST_F(CandidatesStun, TransactionIdsDiffer) {
  start({kServer1, kServer2}, {wifi_, cable_});
  run(200ms);
  std::set<std::string> ids;
  for (const auto& sent : world_.sent)
    ids.insert(to_hex(sent.bytes));
  EXPECT_EQ(ids.size(), 4U);
}

TEST_F(CandidatesStun, PacesNewRequestsAndAsksTheFirstServerForAllBasesFirst) {
  start({kServer1, kServer2}, {wifi_, cable_});
  ASSERT_EQ(world_.sent.size(), 1U);
  EXPECT_EQ(world_.host().next_timeout(), world_.now().steady + 50ms);
  run(150ms);
  ASSERT_EQ(world_.sent.size(), 4U);
  EXPECT_EQ(world_.sent[1].base, kCable);
  EXPECT_EQ(world_.sent[1].to, kServer1);
  EXPECT_EQ(world_.sent[2].to, kServer2);
}

TEST_F(CandidatesStun, RepeatsSevenTimesThenGivesUpAndTriesAgainLater) {
  start({kServer1}, {wifi_});
  const Bytes first = world_.sent[0].bytes;
  run(15'750ms);  // 250 + 500 + … + 8000
  EXPECT_EQ(world_.sent.size(), 7U);
  for (const auto& sent : world_.sent)
    EXPECT_EQ(sent.bytes, first) << "one transaction";
  EXPECT_TRUE(events().empty());
  run(4s);  // 16 x RTO
  EXPECT_EQ(events(), (Events{"done"}));
  EXPECT_EQ(world_.sent.size(), 7U);
  run(30s);
  EXPECT_GE(world_.sent.size(), 8U);
  EXPECT_NE(world_.sent[7].bytes, first);
  answer(kServer1, "203.0.113.9:50001");
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50001"})) << "done is told once";
}

TEST_F(CandidatesStun, KeepsTheMappingOpenAndNoticesItsChange) {
  start({kServer1}, {wifi_});
  answer(kServer1, "203.0.113.9:50001");
  events();
  run(14'999ms);
  EXPECT_EQ(world_.sent.size(), 1U);
  ASSERT_TRUE(world_.host().next_timeout());
  EXPECT_LE(*world_.host().next_timeout(), world_.now().steady + 10'001ms) << "asked again after 15 to 25 s";
  run(*world_.host().next_timeout() - world_.now().steady);
  ASSERT_EQ(world_.sent.size(), 2U);
  answer(kServer1, "203.0.113.9:50001");
  EXPECT_TRUE(events().empty());
  run(*world_.host().next_timeout() - world_.now().steady);
  answer(kServer1, "203.0.113.9:50002");
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50002", "lost 1 203.0.113.9:50001"}));
}

TEST_F(CandidatesStun, AServerThatFallsSilentLosesTheCandidate) {
  start({kServer1}, {wifi_});
  answer(kServer1, "203.0.113.9:50001");
  events();
  run(25s + 20s);
  EXPECT_EQ(events(), (Events{"lost 1 203.0.113.9:50001"}));
}

TEST_F(CandidatesStun, ServersMayDisagree) {
  start({kServer1, kServer2}, {wifi_});
  run(50ms);
  answer(kServer1, "203.0.113.9:50001");
  answer(kServer2, "203.0.113.9:50002");
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50001", "found 1 203.0.113.9:50002", "done"}));
}

TEST_F(CandidatesStun, OneAddressLivesWhileOneServerConfirmsIt) {
  start({kServer1, kServer2}, {wifi_});
  run(50ms);
  answer(kServer1, "203.0.113.9:50001");
  answer(kServer2, "203.0.113.9:50001");
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50001", "done"}));
  world_.host().set_configuration({{kServer2}}, world_.now());
  EXPECT_EQ(events(), (Events{"done"}));
  world_.host().set_configuration({}, world_.now());
  EXPECT_EQ(events(), (Events{"lost 1 203.0.113.9:50001", "done"}));
}

TEST_F(CandidatesStun, AnAddressEqualToTheBaseIsRedundant) {
  start({kServer1}, {wifi_});
  answer(kServer1, "192.168.0.100:41641");
  EXPECT_EQ(events(), (Events{"done"}));
}

TEST_F(CandidatesStun, AddressesNobodyCanReachAreIgnored) {
  for (const char* address :
       {"127.0.0.1:5000", "0.0.0.0:5000", "224.0.0.1:5000", "255.255.255.255:5", "203.0.113.9:0"}) {
    start({kServer1}, {});
    start({kServer1}, {wifi_});
    answer(kServer1, address);
    EXPECT_EQ(events(), (Events{"done"})) << address;
  }
}

TEST_F(CandidatesStun, APrivateMappedAddressIsACandidate) {
  start({kServer1}, {wifi_});
  answer(kServer1, "10.0.0.5:50001");  // a NAT behind a NAT
  EXPECT_EQ(events(), (Events{"found 1 10.0.0.5:50001", "done"}));
}

TEST_F(CandidatesStun, OldServersGiveMappedAddress) {
  start({kServer1}, {wifi_});
  give(kServer1, response(last_to(kServer1).bytes, mapped(*net::Endpoint::parse("203.0.113.9:50001"))));
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50001", "done"}));
}

TEST_F(CandidatesStun, OnlyTheServerAskedMayAnswerAndOnlyOnce) {
  start({kServer1, kServer2}, {wifi_, cable_});
  run(150ms);
  const Bytes good = response(last_to(kServer1).bytes, xor_mapped(*net::Endpoint::parse("203.0.113.66:1")));
  EXPECT_TRUE(give(kServer2, good)) << "reaches the plugin, which ignores it";
  EXPECT_TRUE(give(kServer1, good, kCable));
  Bytes other_id = good;
  other_id[19] ^= 1;
  EXPECT_TRUE(give(kServer1, other_id));
  EXPECT_TRUE(events().empty());
  EXPECT_FALSE(give(*net::Endpoint::parse("198.51.100.77:3478"), good));
  EXPECT_TRUE(give(kServer1, good));
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.66:1"}));
  give(kServer1, response(last_to(kServer1).bytes, xor_mapped(*net::Endpoint::parse("203.0.113.67:1"))));
  EXPECT_TRUE(events().empty()) << "a repeated answer is late";
}

TEST_F(CandidatesStun, ErrorsAndUnknownAttributes) {
  start({kServer1}, {wifi_});
  const Bytes request = last_to(kServer1).bytes;
  const Bytes address = xor_mapped(*net::Endpoint::parse("203.0.113.9:50001"));
  Bytes strange = attribute(0x7777, {1, 2, 3});  // comprehension-required
  strange.insert(strange.end(), address.begin(), address.end());
  give(kServer1, response(request, strange));
  EXPECT_TRUE(events().empty()) << "discarded, the request goes on";
  Bytes optional = attribute(0x8022, {'x'});
  optional.insert(optional.end(), address.begin(), address.end());
  give(kServer1, response(request, attribute(0x0009, {0, 0, 5, 0, 'n', 'o'}), 0x0111));
  EXPECT_EQ(events(), (Events{"done"})) << "an error response is an answer";
  run(30s);
  give(kServer1, response(last_to(kServer1).bytes, optional));
  EXPECT_EQ(events(), (Events{"found 1 203.0.113.9:50001"}));
}

TEST_F(CandidatesStun, AnyBytesAreSurvived) {
  start({kServer1}, {wifi_});
  const Bytes whole =
      response(last_to(kServer1).bytes, xor_mapped(*net::Endpoint::parse("203.0.113.9:50001")));
  SeededRandom random(3);
  for (std::size_t size = 1; size < whole.size(); ++size)
    give(kServer1, Bytes(whole.begin(), whole.begin() + size));
  for (int round = 0; round < 5'000; ++round) {
    Bytes bytes = whole;
    for (int i = 0; i < 3; ++i)
      bytes[random.below(4)] = static_cast<std::uint8_t>(random.next_u32());
    bytes[20 + random.below(8)] = static_cast<std::uint8_t>(random.next_u32());
    give(kServer1, bytes);
  }
  EXPECT_EQ(world_.row("candidates-stun")->faults, 0U);
}

TEST_F(CandidatesStun, ANewBaseIsAskedForAndAGoneOneIsForgotten) {
  start({kServer1}, {wifi_});
  answer(kServer1, "203.0.113.9:50001");
  events();
  world_.host().set_bases({wifi_, cable_}, world_.now());
  ASSERT_EQ(world_.sent.size(), 2U) << "the known base is left alone";
  answer(kServer1, "203.0.113.10:50001", kCable);
  EXPECT_EQ(events(), (Events{"found 2 203.0.113.10:50001", "done"}));
  world_.host().set_bases({cable_}, world_.now());
  EXPECT_EQ(events(), (Events{"lost 1 203.0.113.9:50001", "done"}));
}

TEST_F(CandidatesStun, BeingToldOfTheBasesAgainAsksAgain) {
  start({kServer1}, {wifi_});
  answer(kServer1, "203.0.113.9:50001");
  events();
  run(5s);
  // A default route came or went: the same base may be seen as somebody else.
  const auto before = world_.sent.size();
  world_.host().set_bases({wifi_}, world_.now());
  ASSERT_EQ(world_.sent.size(), before + 1) << "at once, not at the next keep-alive";
  world_.host().set_bases({wifi_}, world_.now());
  EXPECT_EQ(world_.sent.size(), before + 1) << "changes come in bursts";
  answer(kServer1, "203.0.113.77:50001");
  Events changes = events();
  std::erase(changes, "done");
  EXPECT_EQ(changes, (Events{"found 1 203.0.113.77:50001", "lost 1 203.0.113.9:50001"}));
}

TEST_F(CandidatesStun, SilenceIsForgottenWhenTheNetworkChanges) {
  start({kServer1}, {wifi_});
  run(20s);  // seven requests, then half a minute of rest
  const auto before = world_.sent.size();
  world_.host().set_bases({wifi_}, world_.now());
  EXPECT_EQ(world_.sent.size(), before + 1);
}

TEST_F(CandidatesStun, FamiliesAndLinkLocalBases) {
  start({kServer1, *net::Endpoint::parse("[2001:db8::1]:3478")},
        {{net::BaseId{3}, *net::Endpoint::parse("[2001:db8::7]:41641"), "eth0"},
         {net::BaseId{4}, *net::Endpoint::parse("[fe80::7]:41641"), "eth0"},
         wifi_});
  run(1s);
  for (const auto& sent : world_.sent) {
    EXPECT_EQ(sent.to.address.is_v4(), sent.base == kWifi);
    EXPECT_NE(sent.base, net::BaseId{4});
  }
  EXPECT_GE(world_.sent.size(), 2U);
}

TEST_F(CandidatesStun, ManyServersAndBasesAreBounded) {
  std::vector<net::Endpoint> servers;
  for (int i = 1; i < 30; ++i)
    servers.push_back(*net::Endpoint::parse("198.51.100." + std::to_string(i) + ":3478"));
  std::vector<BaseView> bases;
  for (std::uint32_t i = 1; i < 100; ++i) {
    bases.push_back({net::BaseId{i}, *net::Endpoint::parse("10.0.0." + std::to_string(i) + ":1"), "eth0"});
  }
  start(servers, bases);
  run(15s);
  std::set<std::pair<net::BaseId, net::Endpoint>> asked;
  for (const auto& sent : world_.sent)
    asked.insert({sent.base, sent.to});
  EXPECT_EQ(asked.size(), 8U * 32U);
}

}  // namespace
}  // namespace causeway::plugin
