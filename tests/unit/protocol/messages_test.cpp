#include "protocol/messages.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "protocol/join_token.hpp"
#include "protocol/name.hpp"

namespace causeway::protocol {
namespace {

using net::Endpoint;
using net::IpAddress;

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

struct Signer {
  SeededRandom random{7};
  crypto::IdentityKeys keys = crypto::generate_identity(random);

  NodeRecord record() const {
    NodeRecord made;
    made.network = "home";
    made.name = "alice";
    made.identity = keys.public_key;
    made.virtual_addresses = {*IpAddress::parse("10.10.0.101")};
    made.abilities = {"wireguard", "compact"};
    made.serial = 5;
    made.expires = kNow + std::chrono::hours(1);
    return made;
  }
};

WireCandidate candidate() {
  return {"srflx", "udp", *Endpoint::parse("198.51.100.7:4000"), "abC+1", 1694498815};
}

NodeInfo node() {
  const Signer signer;
  return {*IpAddress::parse("10.10.0.101"),
          "alice",
          true,
          sign(signer.record(), signer.keys.secret),
          {candidate()}};
}

// ---- records ----

TEST(NodeRecord, is_believed_when_its_own_identity_signed_it) {
  const Signer signer;
  const auto signed_record = sign(signer.record(), signer.keys.secret);
  const auto parsed = SignedRecord::parse(signed_record.to_json());
  ASSERT_TRUE(parsed);
  const auto verified = verify(*parsed, "home", kNow);
  ASSERT_TRUE(verified);
  EXPECT_EQ(*verified, signer.record());
}

TEST(NodeRecord, each_reason_of_refusal) {
  const Signer signer;
  const auto good = sign(signer.record(), signer.keys.secret);
  EXPECT_EQ(verify(good, "office", kNow).error(), RecordProblem::wrong_network);
  EXPECT_EQ(verify(good, "home", kNow + std::chrono::hours(1)).error(), RecordProblem::expired);

  auto changed = good;
  changed.body.replace(changed.body.find("10.10.0.101"), 11, "10.10.0.102");
  EXPECT_EQ(verify(changed, "home", kNow).error(), RecordProblem::bad_signature);
  for (std::size_t i = 0; i < good.signature.size(); i += 7) {
    auto flipped = good;
    flipped.signature[i] ^= 1;
    EXPECT_EQ(verify(flipped, "home", kNow).error(), RecordProblem::bad_signature) << i;
  }

  SeededRandom random(8);
  const auto other = crypto::generate_identity(random);
  EXPECT_EQ(verify(sign(signer.record(), other.secret), "home", kNow).error(), RecordProblem::bad_signature);

  for (const char* body : {"", "{}", "[]", "{\"network\":\"home\"}", "\xff"}) {
    EXPECT_EQ(verify({body, good.signature}, "home", kNow).error(), RecordProblem::malformed) << body;
  }
}

TEST(NodeRecord, members_out_of_range_are_malformed) {
  const Signer signer;
  auto record = signer.record();
  record.virtual_addresses.clear();
  EXPECT_EQ(verify(sign(record, signer.keys.secret), "home", kNow).error(), RecordProblem::malformed);
  record = signer.record();
  record.virtual_addresses = {*IpAddress::parse("224.0.0.1")};
  EXPECT_EQ(verify(sign(record, signer.keys.secret), "home", kNow).error(), RecordProblem::malformed);
  record = signer.record();
  record.abilities.assign(33, "x");
  EXPECT_EQ(verify(sign(record, signer.keys.secret), "home", kNow).error(), RecordProblem::malformed);
  record = signer.record();
  record.name = "../etc";
  EXPECT_EQ(verify(sign(record, signer.keys.secret), "home", kNow).error(), RecordProblem::malformed);
}

// ---- candidates ----

TEST(WireCandidate, goes_there_and_back) {
  const auto parsed = WireCandidate::parse(candidate().to_json());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, candidate());
}

TEST(WireCandidate, hostile_members_are_refused) {
  const auto with = [](const char* key, Json value) {
    Json json = candidate().to_json();
    json[key] = std::move(value);
    return WireCandidate::parse(json).has_value();
  };
  for (const char* address :
       {"127.0.0.1:9", "224.0.0.1:9", "255.255.255.255:9", "0.0.0.0:9", "[::ffff:127.0.0.1]:9", "[::1]:9",
        "198.51.100.7:0", "198.51.100.7:65536", "198.51.100.7", "host:1", ""}) {
    EXPECT_FALSE(with("address", address)) << address;
  }
  EXPECT_TRUE(with("address", "[2001:db8::1]:9"));
  for (const Json& priority : {Json(0), Json(-1), Json(2147483648U), Json(1.5), Json("1"), Json(nullptr)}) {
    EXPECT_FALSE(with("priority", priority)) << priority;
  }
  EXPECT_TRUE(with("priority", 2147483647));
  EXPECT_FALSE(with("foundation", std::string(33, 'a')));
  EXPECT_FALSE(with("foundation", ""));
  EXPECT_FALSE(with("foundation", "a b"));
  EXPECT_FALSE(with("type", "magic"));
  EXPECT_FALSE(with("protocol", "sctp"));
}

TEST(WireCandidate, a_list_drops_the_bad_and_keeps_the_good) {
  Json list = candidates_to_json({candidate(), candidate()});
  list[0]["address"] = "127.0.0.1:1";
  list.push_back(7);
  const auto parsed = WireCandidateList::parse(list);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->candidates, std::vector{candidate()});
  EXPECT_EQ(parsed->dropped, 2U);
  EXPECT_FALSE(WireCandidateList::parse(candidates_to_json(std::vector(33, candidate()))));
  EXPECT_FALSE(WireCandidateList::parse(Json::object()));
}

// ---- messages ----

TEST(Messages, authentication_payload_is_as_documented) {
  const Bytes exporter(32, 0xab);
  const Bytes payload = authentication_payload("home", exporter);
  EXPECT_EQ(as_text(payload).substr(0, 21), std::string_view("causeway auth 1\0home\0", 21));
  EXPECT_EQ(payload.size(), 21U + 32U);
}

TEST(Messages, authenticate_goes_there_and_back) {
  AuthenticateParams params;
  params.network = "home";
  params.signature.fill(3);
  params.token = "secret";
  params.name = "alice";
  params.version = "causeway/0.1.0";
  const auto parsed = AuthenticateParams::parse(params.to_json());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->to_json(), params.to_json());
  auto json = params.to_json();
  json["name"] = "a/b";
  EXPECT_EQ(AuthenticateParams::parse(json).error().message.substr(0, 5), "name:");
  json = params.to_json();
  json["signature"] = "AAAA";
  EXPECT_FALSE(AuthenticateParams::parse(json));
  const auto result =
      AuthenticateResult::parse(AuthenticateResult{"alice", "bob", {}, {"reach"}, 30}.to_json());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->keepalive_s, 30U);
}

TEST(Messages, register_goes_there_and_back) {
  RegisterParams params{{}, {candidate()}, node().record};
  const auto parsed = RegisterParams::parse(params.to_json());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->to_json(), params.to_json());
  auto json = params.to_json();
  json["record"] = "none";
  EXPECT_FALSE(RegisterParams::parse(json));

  RegisterResult result;
  result.virtual_address = *IpAddress::parse("10.10.0.101");
  result.prefix = *net::Prefix::parse("10.10.0.0/24");
  result.epoch = 9;
  result.stun = {*Endpoint::parse("198.51.100.1:3478")};
  result.turn = {{"turn:198.51.100.1:3478", "1:a", "b", 1}};
  const auto told = RegisterResult::parse(result.to_json());
  ASSERT_TRUE(told);
  EXPECT_EQ(told->to_json(), result.to_json());
  json = result.to_json();
  json["prefix"] = "10.20.0.0/24";
  EXPECT_FALSE(RegisterResult::parse(json));
}

TEST(Messages, query_goes_there_and_back) {
  EXPECT_FALSE(QueryParams::parse(QueryParams{}.to_json())->addresses);
  const QueryParams some{{{*IpAddress::parse("10.10.0.2")}}, *IpAddress::parse("10.10.0.1")};
  EXPECT_EQ(QueryParams::parse(some.to_json())->to_json(), some.to_json());
  EXPECT_FALSE(QueryParams::parse({{"addresses", "all"}}));
  EXPECT_FALSE(QueryParams::parse({{"addresses", Json::array({1})}}));
  EXPECT_FALSE(QueryParams::parse({{"addresses", std::vector<std::string>(1025, "10.0.0.1")}}));
  const QueryResult result{{node()}, {*IpAddress::parse("10.10.0.3")}, *IpAddress::parse("10.10.0.101")};
  EXPECT_EQ(QueryResult::parse(result.to_json())->to_json(), result.to_json());
}

TEST(Messages, connect_and_its_notifications_go_there_and_back) {
  const ConnectParams params{*IpAddress::parse("10.10.0.2"), "abcd1234", {candidate()}};
  EXPECT_EQ(ConnectParams::parse(params.to_json())->to_json(), params.to_json());
  auto json = params.to_json();
  json["ufrag"] = "ab";
  EXPECT_FALSE(ConnectParams::parse(json));
  const ConnectResult result{node(), "abcd"};
  EXPECT_EQ(ConnectResult::parse(result.to_json())->to_json(), result.to_json());
  const ConnectOffer offer{node(), "abcd"};
  EXPECT_EQ(ConnectOffer::parse(offer.to_json())->to_json(), offer.to_json());
  for (const auto status : {PeerStatus::offline, PeerStatus::gone, PeerStatus::revoked}) {
    const PeerChanged changed{PeerStatusChange{*IpAddress::parse("10.10.0.2"), status}};
    EXPECT_EQ(PeerChanged::parse(changed.to_json())->change, changed.change);
  }
  EXPECT_EQ(PeerChanged::parse(PeerChanged{node()}.to_json())->change, PeerChanged{node()}.change);
  EXPECT_FALSE(PeerChanged::parse({{"virtual_address", "10.10.0.2"}, {"state", "asleep"}}));
}

// ---- tokens and names ----

JoinToken token() {
  JoinToken made;
  made.network = "home";
  made.servers = {{"198.51.100.1", 7443}, {"2001:db8::1", 7443}, {"server.example", 1}};
  made.pins = {KeyPin{1}, KeyPin{2}};
  made.secret = to_base64url(Bytes(16, 9));
  return made;
}

TEST(JoinToken, goes_there_and_back) {
  const auto parsed = JoinToken::parse(std::string("  ").append(token().format()).append("\n"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, token());
  EXPECT_EQ(parsed->servers[1].to_string(), "[2001:db8::1]:7443");
}

TEST(Messages, friends_come_back_and_are_bounded) {
  const FriendList list{{"Bob", "Eve"}, {"Eve"}, "Eve"};
  EXPECT_EQ(FriendList::parse(list.to_json()).value(), list);
  EXPECT_EQ(FriendList::parse(Json::object()).value(), FriendList{});
  for (const char* text : {R"({"friends": "Bob"})", R"({"friends": ["a b"]})", R"({"pending": [""]})",
                           R"({"user": 5})", R"({"friends": [null]})"})
    EXPECT_FALSE(FriendList::parse(Json::parse(text))) << text;
  EXPECT_TRUE(FriendList::parse({{"friends", std::vector<std::string>(kMaxFriends, "a")}}));
  EXPECT_FALSE(FriendList::parse({{"friends", std::vector<std::string>(kMaxFriends + 1, "a")}}));
  EXPECT_EQ(FriendParams::parse(FriendParams{"bob"}.to_json()).value().user, "bob");
  EXPECT_FALSE(FriendParams::parse({{"user", std::string(64, 'a')}}));
}

TEST(JoinToken, each_malformed_one_is_told_apart) {
  const auto problem = [](const std::string& text) {
    const auto parsed = JoinToken::parse(text);
    return parsed ? std::string() : parsed.error().message;
  };
  const std::string good = token().format();
  EXPECT_NE(problem("").find("empty"), std::string::npos);
  EXPECT_NE(problem(std::string(2049, 'a')).find("too long"), std::string::npos);
  EXPECT_NE(problem(std::string("cw2.").append(good.substr(4))).find("version cw2"), std::string::npos);
  for (const std::string& text :
       {std::string("hello"), good.substr(0, good.size() - 1), good.substr(1), good + "!",
        std::string("cw1."), std::string("cw1.e30"), std::string("cw1.\x01\xff")}) {
    EXPECT_NE(problem(text).find("malformed"), std::string::npos) << text;
  }
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_NE(problem(good.substr(0, length)), "");
}

TEST(JoinToken, needs_a_way_to_know_the_server) {
  auto made = token();
  made.pins.clear();
  EXPECT_FALSE(JoinToken::parse(made.format()));
  made.ca = "server.example";
  EXPECT_TRUE(JoinToken::parse(made.format()));
  made.servers = {{"server.example", 0}};
  EXPECT_FALSE(JoinToken::parse(made.format()));
}

TEST(Name, rules) {
  for (const char* name : {"a", "client-1", "A.b_c", "9"})
    EXPECT_TRUE(is_valid_name(name)) << name;
  for (const char* name : {"", "-a", "a-", "a b", "a/b", "\xc3\xa9", "a\n"})
    EXPECT_FALSE(is_valid_name(name)) << name;
  EXPECT_TRUE(is_valid_name(std::string(63, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(64, 'a')));
  EXPECT_EQ(fold_name("AbC-1"), "abc-1");
}

}  // namespace
}  // namespace causeway::protocol
