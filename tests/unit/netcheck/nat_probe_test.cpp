#include "netcheck/nat_probe.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "unit/ice/nat.hpp"

namespace causeway::netcheck {
namespace {

using ice::Nat;
using ice::NatBehaviour;
using Nature = ice::Dependence;
using Verdict = ServerAnswer::Verdict;

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

void append16(Bytes& bytes, unsigned value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

void append_address(Bytes& bytes, unsigned type, const net::Endpoint& endpoint) {
  append16(bytes, type);
  append16(bytes, static_cast<unsigned>(4 + endpoint.address.size()));
  append16(bytes, endpoint.address.is_v4() ? 1 : 2);
  append16(bytes, endpoint.port);
  bytes.insert(bytes.end(), endpoint.address.data(), endpoint.address.data() + endpoint.address.size());
}

/// A STUN server: what it answers, and from where.
struct StunServer {
  net::Endpoint primary;
  std::optional<net::Endpoint> other = {};  ///< it does RFC 5780
  bool heeds_changes = true;
  std::optional<net::Endpoint> claims = {};  ///< says this of everybody
  std::optional<std::uint16_t> error = {};

  bool owns(const net::Endpoint& to) const {
    if (to == primary) return true;
    if (!other) return false;
    return (to.address == primary.address || to.address == other->address) &&
           (to.port == primary.port || to.port == other->port);
  }
  Bytes answer(const Bytes& request, const net::Endpoint& seen) const {
    Bytes bytes;
    append16(bytes, error ? 0x0111 : 0x0101);
    append16(bytes, 0);
    bytes.insert(bytes.end(), request.begin() + 4, request.begin() + 20);
    if (error) {
      append16(bytes, 0x0009);
      append16(bytes, 4);
      append16(bytes, 0);
      append16(bytes, static_cast<unsigned>(*error / 100 << 8 | *error % 100));
    } else {
      append_address(bytes, 0x0001, claims.value_or(seen));
      if (other) append_address(bytes, 0x802c, *other);
    }
    bytes[3] = static_cast<std::uint8_t>(bytes.size() - 20);
    return bytes;
  }
};

/// One machine behind a NAT (or none), and STUN servers on the Internet, over virtual time.
struct NatProbeTest : ::testing::Test {
  SeededRandom random{7};
  SteadyTime begun{1000s};
  SteadyTime now = begun;
  std::optional<Nat> nat;
  bool hairpins = false;
  std::vector<StunServer> servers;
  std::function<bool(const net::Endpoint& to)> passes = [](const net::Endpoint&) { return true; };
  std::multiset<net::Endpoint> sent_to;
  net::Endpoint first = at("192.168.0.100:5000"), second = at("192.168.0.100:5001");

  StunServer& add_server(const char* primary, const char* other = nullptr) {
    servers.push_back({.primary = at(primary)});
    if (other) servers.back().other = at(other);
    return servers.back();
  }
  void behind(Nature mapping, Nature filtering) {
    nat.emplace(*net::IpAddress::parse("198.51.100.1"), NatBehaviour{mapping, filtering});
  }

  NatReport run() {
    std::vector<net::Endpoint> addresses;
    for (const StunServer& server : servers)
      addresses.push_back(server.primary);
    NatProbe probe(first, second, addresses, random);
    probe.start(now);
    struct Packet {
      NatProbe::Socket socket;
      net::Endpoint from;
      Bytes bytes;
    };
    std::multimap<SteadyTime, Packet> on_way;
    for (;;) {
      while (auto send = probe.poll_send()) {
        sent_to.insert(send->to);
        if (!passes(send->to)) continue;
        for (const auto& [socket, from, bytes] : deliver(*send))
          on_way.emplace(now + 20ms, Packet{socket, from, bytes});
      }
      const auto timeout = probe.next_timeout();
      if (on_way.empty() && !timeout) break;
      if (!on_way.empty() && (!timeout || on_way.begin()->first <= *timeout)) {
        now = on_way.begin()->first;
        const Packet packet = on_way.begin()->second;
        on_way.erase(on_way.begin());
        probe.on_datagram(packet.socket, packet.from, packet.bytes, now);
      } else {
        now = *timeout;
        probe.on_timeout(now);
      }
    }
    EXPECT_TRUE(probe.is_done());
    EXPECT_LE(now - begun, NatProbe::kLongest);
    return probe.report();
  }

 private:
  std::vector<std::tuple<NatProbe::Socket, net::Endpoint, Bytes>> deliver(const NatProbe::Send& send) {
    const net::Endpoint inside = send.socket == NatProbe::Socket::first ? first : second;
    const net::Endpoint seen = nat ? nat->translate_out(inside, send.to) : inside;
    if (nat && send.to.address == nat->public_address()) {
      const auto target = hairpins ? nat->translate_in(seen, send.to.port) : std::nullopt;
      if (!target) return {};
      return {{*target == first ? NatProbe::Socket::first : NatProbe::Socket::second, seen, send.bytes}};
    }
    for (const StunServer& server : servers) {
      if (!server.owns(send.to)) continue;
      net::Endpoint from = send.to;
      if (send.bytes.size() == 28 && server.other && server.heeds_changes) {
        if ((send.bytes.back() & 4) != 0) from.address = server.other->address;
        if ((send.bytes.back() & 2) != 0) from.port = server.other->port;
      }
      if (nat && !nat->translate_in(from, seen.port)) return {};
      return {{send.socket, from, server.answer(send.bytes, seen)}};
    }
    return {};
  }
};

struct Kind {
  Nature mapping, filtering;
};
class EveryNat : public NatProbeTest, public ::testing::WithParamInterface<Kind> {};

Dependence ours(Nature nature) { return static_cast<Dependence>(nature); }

TEST_P(EveryNat, IsCalledWhatItIs) {
  behind(GetParam().mapping, GetParam().filtering);
  add_server("192.0.2.10:3478", "192.0.2.11:3479");
  const NatReport report = run();
  EXPECT_EQ(report.udp, true);
  EXPECT_EQ(report.nat, true);
  EXPECT_EQ(report.mapping, ours(GetParam().mapping));
  EXPECT_EQ(report.filtering, ours(GetParam().filtering));
  EXPECT_FALSE(report.mapping_is_compared);
  EXPECT_EQ(report.servers[0].rtt, 20ms);
}

std::vector<Kind> all_kinds() {
  std::vector<Kind> kinds;
  for (const auto mapping :
       {Nature::endpoint_independent, Nature::address_dependent, Nature::address_and_port_dependent}) {
    for (const auto filtering :
         {Nature::endpoint_independent, Nature::address_dependent, Nature::address_and_port_dependent})
      kinds.push_back({mapping, filtering});
  }
  return kinds;
}
INSTANTIATE_TEST_SUITE_P(Rfc4787, EveryNat, ::testing::ValuesIn(all_kinds()), [](const auto& kind) {
  return to_string(kind.param.mapping) + "map" + to_string(kind.param.filtering);
});

TEST_F(NatProbeTest, NoNatIsNoNat) {
  add_server("192.0.2.10:3478", "192.0.2.11:3479");
  const NatReport report = run();
  EXPECT_EQ(report.nat, false);
  EXPECT_EQ(report.mapping, Dependence::endpoint_independent);
  EXPECT_EQ(report.filtering, Dependence::endpoint_independent);
  EXPECT_EQ(report.hairpin, std::nullopt) << "nothing to be sent back by";
}

TEST_F(NatProbeTest, HairpinningIsSeen) {
  behind(Nature::endpoint_independent, Nature::endpoint_independent);
  add_server("192.0.2.10:3478");
  EXPECT_EQ(run().hairpin, false);
  hairpins = true;
  now = begun;
  EXPECT_EQ(run().hairpin, true);
}

TEST_F(NatProbeTest, BlockedUdp) {
  add_server("192.0.2.10:3478", "192.0.2.11:3479");
  add_server("192.0.2.20:3478");
  passes = [](const net::Endpoint&) { return false; };
  const NatReport report = run();
  EXPECT_EQ(report.udp, false);
  EXPECT_EQ(report.nat, std::nullopt);
  EXPECT_EQ(report.mapping, std::nullopt);
  EXPECT_EQ(report.filtering, std::nullopt);
  EXPECT_EQ(report.servers[0].verdict, Verdict::silent);
  EXPECT_FALSE(report.servers[0].note.empty());
}

TEST_F(NatProbeTest, WithoutServersNothingIsKnown) {
  const NatReport report = run();
  EXPECT_EQ(report.udp, std::nullopt);
  EXPECT_EQ(report.mapping, std::nullopt);
}

TEST_F(NatProbeTest, PlainServersAreCompared) {
  behind(Nature::endpoint_independent, Nature::address_dependent);
  add_server("192.0.2.10:3478");
  add_server("192.0.2.20:3478");
  NatReport report = run();
  EXPECT_EQ(report.mapping, Dependence::endpoint_independent);
  EXPECT_TRUE(report.mapping_is_compared);
  EXPECT_EQ(report.filtering, std::nullopt) << "nobody sent from elsewhere";

  behind(Nature::address_and_port_dependent, Nature::address_dependent);
  now = begun;
  report = run();
  EXPECT_EQ(report.mapping, Dependence::address_dependent) << "the least that it can be";

  servers.pop_back();
  now = begun;
  EXPECT_EQ(run().mapping, std::nullopt) << "one view is no comparison";
}

TEST_F(NatProbeTest, TwoPortsOfOneServerAreOneView) {
  behind(Nature::address_dependent, Nature::address_dependent);
  add_server("192.0.2.10:3478");
  add_server("192.0.2.10:3479");
  EXPECT_EQ(run().mapping, std::nullopt);
}

TEST_F(NatProbeTest, AServerThatIgnoresChangesProvesNothing) {
  behind(Nature::endpoint_independent, Nature::address_and_port_dependent);
  add_server("192.0.2.10:3478", "192.0.2.11:3479").heeds_changes = false;
  const NatReport report = run();
  EXPECT_EQ(report.mapping, Dependence::endpoint_independent);
  EXPECT_EQ(report.filtering, std::nullopt);
}

TEST_F(NatProbeTest, BogusAddressesAreNamedAndLeftOut) {
  behind(Nature::endpoint_independent, Nature::endpoint_independent);
  for (const char* claim :
       {"127.0.0.1:1", "224.0.0.1:1", "0.0.0.0:1", "169.254.1.1:1", "203.0.113.9:0", "[2001:db8::1]:1"}) {
    servers.clear();
    now = begun;
    add_server("192.0.2.10:3478").claims = at(claim);
    add_server("192.0.2.20:3478");
    const NatReport report = run();
    EXPECT_EQ(report.servers[0].verdict, Verdict::bogus) << claim;
    EXPECT_NE(report.servers[0].note.find(at(claim).to_string()), std::string::npos);
    EXPECT_EQ(report.servers[1].verdict, Verdict::answered);
    EXPECT_EQ(report.mapped.size(), 1u);
    EXPECT_EQ(report.mapping, std::nullopt) << "one view is left";
  }
}

TEST_F(NatProbeTest, APrivateAddressFromAPublicServerIsRemarkedOn) {
  behind(Nature::endpoint_independent, Nature::endpoint_independent);
  add_server("192.0.2.10:3478").claims = at("10.1.2.3:5000");
  const NatReport report = run();
  EXPECT_EQ(report.servers[0].verdict, Verdict::answered);
  EXPECT_NE(report.servers[0].note.find("private"), std::string::npos);
}

TEST_F(NatProbeTest, TheMajorityDecidesWhoLies) {
  behind(Nature::endpoint_independent, Nature::endpoint_independent);
  add_server("192.0.2.10:3478").claims = at("203.0.113.66:5000");
  add_server("192.0.2.20:3478");
  add_server("192.0.2.30:3478");
  const NatReport report = run();
  EXPECT_EQ(report.servers[0].verdict, Verdict::disagrees);
  EXPECT_NE(report.servers[0].note.find("203.0.113.66"), std::string::npos);
  EXPECT_EQ(report.mapped.size(), 1u);
  EXPECT_EQ(report.mapping, Dependence::endpoint_independent) << "by those who agree";
}

TEST_F(NatProbeTest, WithoutAMajorityNobodyIsCalledALiar) {
  add_server("192.0.2.10:3478").claims = at("203.0.113.66:5000");
  add_server("192.0.2.20:3478").claims = at("203.0.113.77:5000");
  const NatReport report = run();
  EXPECT_EQ(report.servers[0].verdict, Verdict::answered);
  EXPECT_EQ(report.mapped.size(), 2u);
}

TEST_F(NatProbeTest, AnErrorIsNoAddress) {
  add_server("192.0.2.10:3478").error = 500;
  const NatReport report = run();
  EXPECT_EQ(report.udp, true);
  EXPECT_EQ(report.servers[0].verdict, Verdict::refused);
  EXPECT_EQ(report.servers[0].note, "it answers with an error (500)");
  EXPECT_EQ(report.nat, std::nullopt);
}

TEST_F(NatProbeTest, AWildOtherAddressIsNotObeyed) {
  for (const char* other :
       {"127.0.0.1:22", "255.255.255.255:7", "[2001:db8::1]:9", "192.0.2.10:3479", "192.0.2.11:3478"}) {
    servers.clear();
    sent_to.clear();
    now = begun;
    add_server("192.0.2.10:3478").other = at(other);
    run();
    EXPECT_EQ(sent_to.count(at(other)), 0u) << other;
  }
}

TEST_F(NatProbeTest, AVictimNamedByAServerGetsAHandful) {
  StunServer& server = add_server("192.0.2.10:3478");
  server.other = at("203.0.113.200:80");
  passes = [](const net::Endpoint& to) { return to.address == at("192.0.2.10:1").address; };
  run();
  std::size_t at_victim = 0;
  for (const net::Endpoint& to : sent_to)
    at_victim += to.address == at("203.0.113.200:1").address;
  EXPECT_EQ(at_victim, 6u);
}

TEST_F(NatProbeTest, AVictimNamedAsOurAddressGetsAHandful) {
  add_server("192.0.2.10:3478").claims = at("203.0.113.200:80");
  run();
  EXPECT_EQ(sent_to.count(at("203.0.113.200:80")), 3u);
}

TEST_F(NatProbeTest, ServersAreBoundedAndOfOneFamily) {
  for (int i = 1; i <= 20; ++i)
    add_server(("192.0.2." + std::to_string(i) + ":3478").c_str());
  add_server("[2001:db8::1]:3478");
  const NatReport report = run();
  EXPECT_EQ(report.servers.size(), NatProbe::kMaxServers);
}

TEST_F(NatProbeTest, ForeignDatagramsChangeNothing) {
  NatProbe probe(first, second, {at("192.0.2.10:3478")}, random);
  probe.start(now);
  const auto request = probe.poll_send();
  ASSERT_TRUE(request);
  StunServer server{.primary = at("192.0.2.10:3478")};
  Bytes answer = server.answer(request->bytes, at("198.51.100.1:5000"));
  probe.on_datagram(NatProbe::Socket::first, at("192.0.2.99:3478"), answer, now);
  probe.on_datagram(NatProbe::Socket::second, server.primary, answer, now);
  Bytes other_id = answer;
  other_id[19] ^= 1;
  probe.on_datagram(NatProbe::Socket::first, server.primary, other_id, now);
  for (std::size_t size = 0; size < answer.size(); ++size) {
    const Bytes cut(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size));
    probe.on_datagram(NatProbe::Socket::first, server.primary, cut, now);
  }
  EXPECT_EQ(probe.report().udp, false);
  probe.on_datagram(NatProbe::Socket::first, server.primary, answer, now);
  EXPECT_EQ(probe.report().udp, true);
}

}  // namespace
}  // namespace causeway::netcheck
