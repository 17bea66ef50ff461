#include "transport-turn/server_list.hpp"

#include <gtest/gtest.h>

#include "causeway/ext/transport.h"
#include "transport-turn/address.hpp"

namespace transport_turn {
namespace {

TEST(TurnUri, Kinds) {
  EXPECT_EQ(parse_uri("turn:relay.example")->kind, CW_LINK_UDP);
  EXPECT_EQ(parse_uri("turn:relay.example:3478?transport=udp")->kind, CW_LINK_UDP);
  EXPECT_EQ(parse_uri("turn:relay.example:3478?transport=tcp")->kind, CW_LINK_TCP);
  EXPECT_EQ(parse_uri("turns:relay.example")->kind, CW_LINK_TLS);
  EXPECT_EQ(parse_uri("turns:relay.example:443?transport=tcp")->kind, CW_LINK_TLS);
  EXPECT_EQ(parse_uri("turns:relay.example:443")->host, "relay.example");
  EXPECT_EQ(parse_uri("turn:[2001:db8::1]:3478")->host, "2001:db8::1");
  EXPECT_EQ(parse_uri("turn:192.0.2.1")->host, "192.0.2.1");
}

TEST(TurnUri, NoneOfOurs) {
  for (const char* uri :
       {"", "turn:", "stun:relay.example", "turns:relay.example?transport=udp", "turn:[2001:db8::1",
        "turn:relay.example?transport=sctp", "turn:relay.example?other=1"})
    EXPECT_FALSE(parse_uri(uri)) << uri;
}

TEST(ServerList, ReadsWhatTheHostGives) {
  const auto list = parse_servers(R"({"turn_servers":[
    {"uri":"turn:relay.example:3478?transport=udp","addresses":["198.51.100.9:3478","[2001:db8::9]:3478"],
     "username":"1700000000:alice","password":"secret","expires":1700000000},
    {"uri":"turns:relay.example","addresses":["198.51.100.9:5349"],"username":"u","password":"p"}],
    "turn_tls_verify":true,"other":1})");
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->verify_tls);
  ASSERT_EQ(list->servers.size(), 3U);
  EXPECT_EQ(list->servers[0].credentials.username, "1700000000:alice");
  EXPECT_EQ(to_text(list->servers[1].address), "[2001:db8::9]:3478");
  EXPECT_EQ(list->servers[2].kind, CW_LINK_TLS);
  EXPECT_EQ(list->servers[2].host, "relay.example");
  EXPECT_TRUE(list->complaints.empty());
}

TEST(ServerList, LeavesOutWhatIsNone) {
  const auto list =
      parse_servers(R"({"turn_servers":[1,{},{"uri":7},{"uri":"turn:a"},{"uri":"turn:a","addresses":"x"},
    {"uri":"stun:a","addresses":["192.0.2.1:1"]},{"uri":"turn:a","addresses":[3,"nonsense","192.0.2.1:0","192.0.2.1:9"]},
    {"uri":"turn:a","addresses":["192.0.2.1:9"]}]})");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->servers.size(), 1U) << "and the same twice is one";
  EXPECT_EQ(list->complaints.size(), 6U);
}

TEST(ServerList, NotEvenAnObject) {
  for (const char* text : {"", "[]", "7", "{", "{\"turn_servers\":"})
    EXPECT_FALSE(parse_servers(text)) << text;
  EXPECT_TRUE(parse_servers("{}")->servers.empty());
  EXPECT_TRUE(parse_servers(R"({"turn_servers":{}})")->servers.empty());
}

TEST(ServerList, IsBounded) {
  std::string text = R"({"turn_servers":[)";
  for (int i = 1; i < 200; ++i)
    text.append(i > 1 ? "," : "")
        .append(R"({"uri":"turn:a","addresses":["192.0.2.)")
        .append(std::to_string(i))
        .append(":9\"]}");
  const auto list = parse_servers(text + "]}");
  EXPECT_EQ(list->servers.size(), kMaxServers);
  EXPECT_LE(list->complaints.size(), kMaxServers);
}

TEST(ServerList, UserNamesAreBounded) {
  const auto list =
      parse_servers(R"({"turn_servers":[{"uri":"turn:a","addresses":["192.0.2.1:9"],"username":")" +
                    std::string(600, 'x') + R"("}]})");
  EXPECT_TRUE(list->servers.empty());
}

TEST(Address, Reachable) {
  for (const char* text : {"198.51.100.9:1", "10.0.0.1:1", "100.64.0.1:1", "[2001:db8::1]:1", "[fd00::1]:1"})
    EXPECT_TRUE(is_reachable(*parse_address(text))) << text;
  for (const char* text : {"127.0.0.1:1", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "169.254.0.1:1",
                           "[::1]:1", "[::]:1", "[ff02::1]:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1"})
    EXPECT_FALSE(is_reachable(*parse_address(text))) << text;
}

}  // namespace
}  // namespace transport_turn
