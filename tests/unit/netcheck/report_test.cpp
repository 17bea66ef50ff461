#include "netcheck/report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace causeway::netcheck {
namespace {

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

LocalReport local(const char* address, std::optional<bool> udp) {
  LocalReport made{"eth0", at(address), true, "", {}};
  made.nat.udp = udp;
  return made;
}
bool says(const Findings& findings, const std::string& words) {
  for (const std::string& problem : problems(findings)) {
    if (problem.find(words) != std::string::npos) return true;
  }
  return false;
}

TEST(NetcheckReport, UdpIsBlockedWhenNoAddressGetsThrough) {
  Findings findings;
  EXPECT_EQ(is_udp_blocked(findings), std::nullopt);
  findings.locals = {local("192.168.0.100:1", false)};
  EXPECT_EQ(is_udp_blocked(findings), true);
  findings.locals.push_back(local("[2001:db8::7]:1", true));
  EXPECT_EQ(is_udp_blocked(findings), false);
  findings.locals = {local("192.168.0.100:1", std::nullopt)};
  EXPECT_EQ(is_udp_blocked(findings), std::nullopt) << "nobody could be asked";
}

TEST(NetcheckReport, EverythingThatFailedHasASentence) {
  Findings findings;
  EXPECT_TRUE(says(findings, "no local address is in use"));
  EXPECT_TRUE(says(findings, "no STUN server is known"));
  EXPECT_TRUE(says(findings, "no network was joined"));
  findings.stun_servers = 1;
  findings.locals = {local("192.168.0.100:1", false)};
  EXPECT_TRUE(says(findings, "nothing answers, neither by UDP nor by TCP"));
  findings.server = {"192.0.2.10:443", "online", "", 3ms, ""};
  EXPECT_TRUE(says(findings, "UDP seems to be blocked"));
  EXPECT_FALSE(says(findings, "no network was joined"));
  findings.server = {"192.0.2.10:443", "offline", "the key differs", 3ms, ""};
  EXPECT_TRUE(says(findings, "not registered: the key differs"));
  findings.server = {"192.0.2.10:443", "offline", "", std::nullopt, "no answer within 4 s"};
  EXPECT_TRUE(says(findings, "cannot be reached: no answer within 4 s"));
  findings.locals[0].failure = "no socket could be opened there: x";
  EXPECT_TRUE(says(findings, "eth0 (192.168.0.100): no socket could be opened there: x"));
}

TEST(NetcheckReport, OneServerThatIsSilentIsNamedOnlyIfOthersAnswer) {
  Findings findings;
  findings.stun_servers = 2;
  findings.server = {"192.0.2.10:443", "online", "", 3ms, ""};
  findings.locals = {local("192.168.0.100:1", true)};
  findings.locals[0].nat.servers = {
      {at("192.0.2.10:3478"), ServerAnswer::Verdict::silent, {}, {}, "it does not answer"}};
  EXPECT_TRUE(says(findings, "STUN server 192.0.2.10:3478: it does not answer"));
  findings.locals[0].nat.udp = false;
  EXPECT_FALSE(says(findings, "STUN server 192.0.2.10:3478")) << "said once, for all";
}

TEST(NetcheckReport, TheSummarySaysWhatTheNatMeans) {
  Findings findings;
  EXPECT_NE(summary(findings).find("no address"), std::string::npos);
  findings.locals = {local("192.168.0.100:1", true)};
  NatReport& nat = findings.locals[0].nat;
  nat.nat = true;
  nat.mapping = Dependence::endpoint_independent;
  EXPECT_NE(summary(findings).find("keeps its mappings"), std::string::npos);
  nat.mapping = Dependence::address_and_port_dependent;
  EXPECT_NE(summary(findings).find("symmetric"), std::string::npos);
  nat.nat = false;
  nat.filtering = Dependence::address_dependent;
  EXPECT_NE(summary(findings).find("firewall"), std::string::npos);
  nat.udp = false;
  EXPECT_NE(summary(findings).find("UDP does not pass"), std::string::npos);
}

TEST(NetcheckReport, TurnServersAreForTheRelaysAlone) {
  Findings findings;
  findings.turn_servers = {at("192.0.2.10:3478")};
  findings.relays = {{at("192.0.2.10:50000"), at("192.168.0.100:1"), "transport-turn", "turn-udp", {}},
                     {at("192.0.2.99:50000"), at("192.168.0.100:2"), "transport-turn", "turn-tcp", {}}};
  findings.locals = {local("192.168.0.100:1", true)};
  findings.locals[0].nat.servers = {
      {at("192.0.2.10:3478"), ServerAnswer::Verdict::answered, 7ms, at("198.51.100.1:1"), ""},
      {at("192.0.2.20:3478"), ServerAnswer::Verdict::answered, 9ms, at("198.51.100.1:1"), ""}};
  attribute_relays(findings);
  EXPECT_EQ(findings.relays[0].rtt, 7ms);
  EXPECT_EQ(findings.relays[1].rtt, std::nullopt) << "of another server";
  ASSERT_EQ(findings.locals[0].nat.servers.size(), 1u);
  EXPECT_EQ(findings.locals[0].nat.servers[0].server, at("192.0.2.20:3478"));
}

TEST(NetcheckReport, TurnUrisThatAnswerBindingByUdp) {
  EXPECT_EQ(binding_address("turn:192.0.2.10:3479"), at("192.0.2.10:3479"));
  EXPECT_EQ(binding_address("turn:192.0.2.10"), at("192.0.2.10:3478"));
  EXPECT_EQ(binding_address("turn:[2001:db8::1]:3479?transport=udp"), at("[2001:db8::1]:3479"));
  for (const char* uri : {"turns:192.0.2.10:5349", "turn:192.0.2.10:3479?transport=tcp",
                          "turn:relay.example:3478", "stun:192.0.2.10:3478", "", "turn:"})
    EXPECT_EQ(binding_address(uri), std::nullopt) << uri;
}

TEST(NetcheckReport, UnknownIsNull) {
  Findings findings;
  findings.locals = {local("192.168.0.100:1", true)};
  const auto json = to_json(findings);
  for (const char* key : {"mapping", "filtering", "hairpin", "mapping_lifetime_s", "nat"})
    EXPECT_TRUE(json["nat"][key].is_null()) << key;
  EXPECT_EQ(json["udp_blocked"], false);
  EXPECT_EQ(json["ipv4"], (nlohmann::json{{"address", true}, {"udp", true}}));
  EXPECT_EQ(json["ipv6"], (nlohmann::json{{"address", false}, {"udp", nullptr}}));
  EXPECT_TRUE(json["server"].is_null());
  EXPECT_TRUE(json["port_mapping"].is_null());
}

TEST(NetcheckReport, TheDefaultRouteSpeaksForTheMachine) {
  Findings findings;
  findings.locals = {local("10.1.2.3:1", true), local("192.168.0.100:1", true)};
  findings.locals[0].has_default_route = false;
  findings.locals[0].nat.mapping = Dependence::address_dependent;
  findings.locals[1].nat.mapping = Dependence::endpoint_independent;
  EXPECT_EQ(to_json(findings)["nat"]["mapping"], "endpoint-independent");
}

}  // namespace
}  // namespace causeway::netcheck
