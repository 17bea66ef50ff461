#include "link/server_link_fsm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "crypto/ed25519.hpp"
#include "protocol/messages.hpp"
#include "protocol/rpc.hpp"

namespace causeway::link {
namespace {

using protocol::Json;
using testing::HasSubstr;

constexpr const char* kNetwork = "home";

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

/// Another node of the network, as an honest server would describe it.
struct OtherNode {
  explicit OtherNode(RandomSource& random) : keys(crypto::generate_identity(random)) {
    record.network = kNetwork;
    record.name = "n2";
    record.identity = keys.public_key;
    record.virtual_addresses = {ip("10.10.0.102")};
    record.session_key.bytes.fill(7);
    record.serial = 5;
    record.expires = WallTime(2'000'000'000s);
  }
  protocol::NodeInfo info() const {
    return {record.virtual_addresses.front(),
            record.name,
            true,
            protocol::sign(record, keys.secret),
            {{"host", "udp", *net::Endpoint::parse("192.0.2.9:4000"), "1", 100}}};
  }
  crypto::IdentityKeys keys;
  protocol::NodeRecord record;
};

/// The link with a scripted server and virtual time.
class ServerLink : public testing::Test {
 protected:
  ServerLink() { make(); }

  void make() {
    ServerLinkFsm::Options options;
    options.enrolment.network = kNetwork;
    options.enrolment.servers = {{"198.51.100.1", 7443}, {"198.51.100.2", 7443}};
    options.enrolment.secret = "AAAAAAAAAAAAAAAAAAAAAA";
    options.enrolled = enrolled;
    options.wished_name = "n1";
    options.identity = keys.secret;
    options.identity_public = keys.public_key;
    options.session_key.bytes.fill(3);
    options.record_serial = 40;
    options.seen_serials = seen;
    fsm = std::make_unique<ServerLinkFsm>(std::move(options), random);
  }

  template <class Action>
  std::vector<Action> take() {
    drain();
    std::vector<Action> found;
    for (auto it = log.begin(); it != log.end();) {
      if (auto* action = std::get_if<Action>(&*it)) {
        found.push_back(std::move(*action));
        it = log.erase(it);
      } else {
        ++it;
      }
    }
    return found;
  }
  void drain() {
    while (auto action = fsm->poll_action())
      log.push_back(std::move(*action));
  }
  /// The next request that the node has sent and nobody has looked at.
  Json next_request() {
    for (auto& line : take<SendLine>())
      requests.push_back(*protocol::parse_json(line.line));
    if (requests.empty()) return nullptr;
    Json first = requests.front();
    requests.pop_front();
    return first;
  }
  Json expect_request(std::string_view method) {
    Json request = next_request();
    EXPECT_EQ(request.value("method", ""), method);
    return request;
  }
  void reply(const Json& request, const Json& result) {
    fsm->on_line(protocol::make_result(request.at("id"), result), now);
  }
  void fail(const Json& request, protocol::ErrorCode code, std::optional<std::uint32_t> retry = {}) {
    fsm->on_line(
        protocol::make_error(request.at("id").get<std::uint64_t>(), {code, "the server's words", retry}),
        now);
  }
  void notify(std::string_view method, const Json& params) {
    fsm->on_line(protocol::make_notification(method, params), now);
  }

  Json registered_as(const char* address) {
    protocol::RegisterResult result;
    result.virtual_address = ip(address);
    result.prefix = *net::Prefix::parse("10.10.0.0/24");
    result.stun = {*net::Endpoint::parse("198.51.100.1:3478")};
    return result.to_json();
  }
  static Json authenticated() {
    return protocol::AuthenticateResult{"n1", "ann", {}, {"reach"}, 60}.to_json();
  }
  /// From connecting to online, with the answers of an honest server.
  void come_online() {
    fsm->on_connected(exporter, now);
    reply(expect_request("authenticate"), authenticated());
    reply(expect_request("register"), registered_as("10.10.0.101"));
    ASSERT_EQ(fsm->state(), LinkState::online);
  }
  void settle() {
    for (Json request = next_request(); !request.is_null(); request = next_request()) {
      reply(request, request["method"] == "query" ? protocol::QueryResult{}.to_json() : Json::object());
    }
    drain();
    log.clear();
  }
  void start_online() {
    fsm->start(now);
    come_online();
    settle();
  }
  void advance(Duration time) {
    now.steady += time;
    now.wall += time;
  }
  /// Lets time pass up to the next timeout and delivers it; how long that took.
  Duration run_to_timeout() {
    const auto next = fsm->next_timeout();
    if (!next) return Duration(-1);
    const Duration waited = std::max(Duration(0), *next - now.steady);
    advance(waited);
    fsm->on_timeout(now);
    return waited;
  }
  std::string last_reason() {
    const auto changes = take<LinkStateChanged>();
    return changes.empty() ? "" : changes.back().reason;
  }

  SeededRandom random{1};
  crypto::IdentityKeys keys = crypto::generate_identity(random);
  OtherNode other{random};
  bool enrolled = false;
  SeenSerials seen;
  std::unique_ptr<ServerLinkFsm> fsm;
  Now now{SteadyTime(1000s), WallTime(1'790'000'000s)};
  Bytes exporter = Bytes(32, 0xab);
  std::deque<LinkAction> log;
  std::deque<Json> requests;
};

TEST_F(ServerLink, ProvesItsIdentityAndSpendsTheToken) {
  fsm->start(now);
  const auto opened = take<OpenConnection>();
  ASSERT_EQ(opened.size(), 1u);
  EXPECT_EQ(opened[0].host, "198.51.100.1");
  fsm->on_connected(exporter, now);
  const Json request = expect_request("authenticate");
  const auto params = protocol::AuthenticateParams::parse(request["params"]);
  ASSERT_TRUE(params);
  EXPECT_TRUE(crypto::verify(keys.public_key, protocol::authentication_payload(kNetwork, exporter),
                             params->signature));
  EXPECT_EQ(params->token, "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(params->name, "n1");
  EXPECT_FALSE(fsm->enrolled());
  reply(request, authenticated());
  EXPECT_TRUE(fsm->enrolled());
  EXPECT_EQ(fsm->state(), LinkState::registering);
}

TEST_F(ServerLink, TellsTheFriendListAtEachRegistrationAndChange) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"),
        protocol::AuthenticateResult{"n1", "ann", {"bob", "eve"}, {"reach-friends"}, 60, {"eve"}}.to_json());
  EXPECT_TRUE(take<FriendsTold>().empty());
  reply(expect_request("register"), registered_as("10.10.0.101"));
  auto told = take<FriendsTold>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].user, "ann");
  EXPECT_THAT(told[0].friends, testing::ElementsAre("bob", "eve"));
  EXPECT_THAT(told[0].pending, testing::ElementsAre("eve"));
  EXPECT_TRUE(told[0].friends_only);
  notify("friends.changed", protocol::FriendList{{"eve"}, {}}.to_json());
  told = take<FriendsTold>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0].friends, testing::ElementsAre("eve"));
  EXPECT_TRUE(told[0].friends_only);
  for (const Json& bad : {Json{{"friends", 5}}, Json{{"friends", {""}}}, Json{{"friends", {1}}},
                          Json{{"pending", std::vector<std::string>(401, "a")}}}) {
    notify("friends.changed", bad);
    EXPECT_TRUE(take<FriendsTold>().empty());
  }
  EXPECT_EQ(fsm->counters().lines_malformed, 4u);
}

TEST_F(ServerLink, AnswersEachChangeOfAFriend) {
  start_online();
  fsm->change_friend(7, "bob", true, now);
  const Json request = expect_request("friends.add");
  EXPECT_EQ(request["params"], Json::parse(R"({"user": "bob"})"));
  reply(request, protocol::FriendList{{"Bob"}, {"Bob"}, "Bob"}.to_json());
  EXPECT_EQ(take<FriendsTold>().size(), 1u);
  auto answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].ticket, 7u);
  EXPECT_EQ(answers[0].user, "Bob");
  EXPECT_EQ(answers[0].error, "");

  fsm->change_friend(8, "nobody", false, now);
  fail(expect_request("friends.remove"), protocol::ErrorCode::no_such_user);
  answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].no_such_user);
  EXPECT_THAT(answers[0].error, HasSubstr("causeway peers"));

  fsm->change_friend(9, "bob", true, now);
  reply(expect_request("friends.add"), Json{{"friends", "bob"}});
  answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_NE(answers[0].error, "") << "what cannot be read is no success";
}

TEST_F(ServerLink, AChangeOfAFriendEndsWithTheConnection) {
  fsm->change_friend(1, "bob", true, now);
  auto answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_THAT(answers[0].error, HasSubstr("try again"));
  start_online();
  fsm->change_friend(2, "bob", true, now);
  EXPECT_TRUE(take<FriendChangeAnswered>().empty());
  fsm->on_closed("reset by peer", now);
  answers = take<FriendChangeAnswered>();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].ticket, 2u);
  EXPECT_NE(answers[0].error, "");
}

TEST_F(ServerLink, SendsNoTokenOnceEnrolled) {
  enrolled = true;
  make();
  fsm->start(now);
  fsm->on_connected(exporter, now);
  EXPECT_FALSE(expect_request("authenticate")["params"].contains("token"));
}

TEST_F(ServerLink, SignsARecordForTheAddressItWasGiven) {
  fsm->start(now);
  come_online();
  const auto registered = take<Registered>();
  ASSERT_EQ(registered.size(), 1u);
  EXPECT_EQ(registered[0].virtual_address, ip("10.10.0.101"));
  EXPECT_EQ(registered[0].name, "n1");
  EXPECT_EQ(registered[0].stun_servers.size(), 1u);
  const auto update = protocol::UpdateParams::parse(expect_request("update")["params"]);
  ASSERT_TRUE(update && update->record);
  const auto record = protocol::verify(*update->record, kNetwork, now.wall);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->virtual_addresses, std::vector{ip("10.10.0.101")});
  EXPECT_EQ(record->serial, 1'790'000'000u) << "not below the wall clock";
  EXPECT_EQ(record->serial, fsm->record_serial());
}

TEST_F(ServerLink, TokenErrorsEndTheTriesWithASentence) {
  const std::pair<protocol::ErrorCode, const char*> cases[] = {
      {protocol::ErrorCode::token_invalid, "does not accept the join token"},
      {protocol::ErrorCode::token_expired, "has expired"},
      {protocol::ErrorCode::token_used, "is used up"},
      {protocol::ErrorCode::refused, "does not admit this node (the server's words)"},
      {protocol::ErrorCode::name_taken, "--name"}};
  for (const auto& [code, sentence] : cases) {
    make();
    log.clear();
    fsm->start(now);
    fsm->on_connected(exporter, now);
    fail(expect_request("authenticate"), code);
    EXPECT_EQ(fsm->state(), LinkState::refused);
    EXPECT_THAT(last_reason(), HasSubstr(sentence));
    EXPECT_EQ(take<CloseConnection>().size(), 1u);
    EXPECT_FALSE(fsm->next_timeout()) << "no further try";
    fsm->start(now);
    EXPECT_EQ(fsm->state(), LinkState::connecting) << "until the next start()";
  }
}

TEST_F(ServerLink, AnUnreachableServerIsToldAtEachTryAndTheNextOneIsTried) {
  fsm->start(now);
  for (const char* host : {"198.51.100.1", "198.51.100.2", "198.51.100.1"}) {
    const auto opened = take<OpenConnection>();
    ASSERT_EQ(opened.size(), 1u);
    EXPECT_EQ(opened[0].host, host);
    fsm->on_closed("Connection refused", now);
    EXPECT_EQ(fsm->state(), LinkState::waiting);
    EXPECT_EQ(fsm->server(), std::string(host) + ":7443") << "last tried";
    EXPECT_THAT(last_reason(),
                testing::AllOf(HasSubstr("cannot be reached: Connection refused"), HasSubstr(host)));
    EXPECT_TRUE(take<CloseConnection>().empty()) << "it is closed already";
    run_to_timeout();
    EXPECT_EQ(fsm->state(), LinkState::connecting);
  }
}

TEST_F(ServerLink, BackoffStaysBelowFiveSecondsForTwoMinutesThenAMinute) {
  fsm->start(now);
  const SteadyTime begin = now.steady;
  Duration longest_early{}, longest_late{};
  while (now.steady - begin < 1h) {
    fsm->on_closed("no route", now);
    const bool is_early = now.steady - begin < 2min;
    Duration& longest = is_early ? longest_early : longest_late;
    longest = std::max(longest, run_to_timeout());
  }
  EXPECT_GT(longest_early, 2s);
  EXPECT_LE(longest_early, 5s);
  EXPECT_GT(longest_late, 30s);
  EXPECT_LE(longest_late, 60s);
  come_online();
  fsm->on_closed("reset", now);
  EXPECT_LE(run_to_timeout(), 500ms) << "a successful register resets it";
}

TEST_F(ServerLink, AConnectionThatHangsIsGivenUp) {
  fsm->start(now);
  EXPECT_EQ(run_to_timeout(), 15s);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
}

TEST_F(ServerLink, AServerThatDoesNotAnswerIsGivenUpInEachState) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_THAT(last_reason(), HasSubstr("did not answer"));
  run_to_timeout();
  next_request();  // the unanswered one
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  expect_request("register");
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  run_to_timeout();
  come_online();
  settle();
  fsm->refresh_directory(now);
  expect_request("query");
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_EQ(fsm->state(), LinkState::waiting) << "online, too";
}

TEST_F(ServerLink, KeepsAliveWhenNothingElseWasSent) {
  start_online();
  advance(29s);
  fsm->on_timeout(now);
  EXPECT_TRUE(next_request().is_null());
  advance(1s);
  fsm->on_timeout(now);
  reply(expect_request("query"), protocol::QueryResult{}.to_json());
  EXPECT_EQ(run_to_timeout(), 30s);
  settle();
  for (int i = 0; i < 10 && fsm->state() == LinkState::online; ++i) {
    run_to_timeout();
    settle();
  }
  EXPECT_EQ(fsm->state(), LinkState::online);
}

TEST_F(ServerLink, ALostServerLeadsBackOnlineAndRepeatsWhatWasAskedFor) {
  start_online();
  fsm->connect(ip("10.10.0.102"), "abcdefgh", {}, now);
  reply(expect_request("connect"), protocol::ConnectResult{other.info(), std::nullopt}.to_json());
  EXPECT_EQ(take<PeerDescribed>().size(), 1u);
  fsm->on_closed("it closed the connection", now);
  EXPECT_THAT(last_reason(), HasSubstr("was lost: it closed the connection"));
  run_to_timeout();
  come_online();
  std::vector<std::string> methods;
  for (Json request = next_request(); !request.is_null(); request = next_request())
    methods.push_back(request["method"]);
  EXPECT_THAT(methods, testing::Contains("connect"));
  fsm->disconnect(ip("10.10.0.102"));
  fsm->on_closed("again", now);
  run_to_timeout();
  come_online();
  methods.clear();
  for (Json request = next_request(); !request.is_null(); request = next_request())
    methods.push_back(request["method"]);
  EXPECT_THAT(methods, testing::Not(testing::Contains("connect")));
}

TEST_F(ServerLink, WishesFromBeforeRegistrationAreSentAfterIt) {
  fsm->connect(ip("10.10.0.102"), "abcdefgh", {}, now);
  EXPECT_TRUE(next_request().is_null());
  fsm->start(now);
  come_online();
  expect_request("update");
  const Json request = expect_request("connect");
  EXPECT_EQ(request["params"]["ufrag"], "abcdefgh");
  reply(request, protocol::ConnectResult{other.info(), "ijklmnop"}.to_json());
  const auto offered = take<PeerOffered>();
  ASSERT_EQ(offered.size(), 1u);
  EXPECT_EQ(offered[0].ufrag, "ijklmnop");
  EXPECT_EQ(offered[0].node.candidates.size(), 1u);
}

TEST_F(ServerLink, ANewerConnectWaitsForTheReplyOfTheOlder) {
  start_online();
  fsm->connect(ip("10.10.0.102"), "aaaaaaaa", {}, now);
  fsm->connect(ip("10.10.0.102"), "bbbbbbbb", {}, now);
  fsm->connect(ip("10.10.0.102"), "cccccccc", {}, now);
  const Json first = expect_request("connect");
  EXPECT_TRUE(next_request().is_null());
  reply(first, protocol::ConnectResult{other.info(), std::nullopt}.to_json());
  EXPECT_EQ(expect_request("connect")["params"]["ufrag"], "cccccccc");
}

TEST_F(ServerLink, ConnectErrorsAreToldPerPeer) {
  start_online();
  fsm->connect(ip("10.10.0.150"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::no_such_address);
  auto unreachable = take<PeerUnreachable>();
  ASSERT_EQ(unreachable.size(), 1u);
  EXPECT_EQ(unreachable[0].virtual_address, ip("10.10.0.150"));
  EXPECT_THAT(unreachable[0].reason, HasSubstr("no node"));
  fsm->connect(ip("10.10.0.102"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::unreachable);
  EXPECT_EQ(take<PeerUnreachable>().size(), 1u);
  fsm->connect(ip("10.10.0.103"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::try_later, 3000);
  EXPECT_TRUE(take<PeerUnreachable>().empty());
  EXPECT_EQ(run_to_timeout(), 3s);
  EXPECT_EQ(expect_request("connect")["params"]["virtual_address"], "10.10.0.103");
}

TEST_F(ServerLink, ManyWishesDoNotGoOutAllAtOnce) {
  for (int i = 1; i < 200; ++i)
    fsm->connect(net::IpAddress::v4(0x0a0a0000u + static_cast<unsigned>(i)), "aaaaaaaa", {}, now);
  fsm->start(now);
  come_online();
  int answered = 0, waiting = 0;
  std::deque<Json> open;
  for (Json request = next_request(); !request.is_null(); request = next_request()) {
    if (request["method"] == "connect") open.push_back(request);
  }
  EXPECT_LE(open.size(), 32u);
  while (!open.empty()) {
    fail(open.front(), protocol::ErrorCode::no_such_address);
    open.pop_front();
    ++answered;
    for (Json request = next_request(); !request.is_null(); request = next_request())
      open.push_back(request);
    waiting = std::max(waiting, static_cast<int>(open.size()));
  }
  EXPECT_EQ(answered, 199);
  EXPECT_LE(waiting, 32);
}

TEST_F(ServerLink, NewCandidatesAreSentOneUpdateAtATime) {
  start_online();
  ice::Candidate candidate;
  candidate.foundation = "1";
  candidate.priority = 10;
  candidate.address = *net::Endpoint::parse("192.0.2.1:4000");
  fsm->set_candidates({candidate}, now);
  const Json first = expect_request("update");
  EXPECT_EQ(first["params"]["candidates"].size(), 1u);
  EXPECT_FALSE(first["params"].contains("record"));
  candidate.address.port = 4001;
  fsm->set_candidates({candidate}, now);
  candidate.address.port = 4002;
  fsm->set_candidates({candidate}, now);
  EXPECT_TRUE(next_request().is_null());
  reply(first, Json::object());
  EXPECT_EQ(expect_request("update")["params"]["candidates"][0]["address"], "192.0.2.1:4002");
  fsm->set_candidates({candidate}, now);
  EXPECT_TRUE(next_request().is_null()) << "nothing is new";
}

TEST_F(ServerLink, TheDirectoryIsReadPageByPage) {
  fsm->start(now);
  come_online();
  expect_request("update");
  Json query = expect_request("query");
  EXPECT_EQ(query["params"]["addresses"], "*");
  protocol::QueryResult page;
  page.nodes = {other.info()};
  page.next = ip("10.10.0.102");
  reply(query, page.to_json());
  EXPECT_EQ(take<PeerDescribed>().size(), 1u);
  query = expect_request("query");
  EXPECT_EQ(query["params"]["after"], "10.10.0.102");
  page.nodes.clear();
  reply(query, page.to_json());
  EXPECT_TRUE(next_request().is_null()) << "an empty page that promises more is the last";
}

// ---- a lying server ----

TEST_F(ServerLink, DescriptionsAreBelievedByTheirOwnSignatureOnly) {
  start_online();
  const auto disbelieved = [&](const protocol::NodeInfo& info) {
    const auto before = fsm->counters().nodes_disbelieved;
    notify("peer.changed", protocol::PeerChanged{info}.to_json());
    return fsm->counters().nodes_disbelieved == before + 1 && take<PeerDescribed>().empty();
  };
  auto info = other.info();
  info.record.signature[3] ^= 1;
  EXPECT_TRUE(disbelieved(info)) << "bad signature";
  auto changed = other;
  changed.record.network = "elsewhere";
  EXPECT_TRUE(disbelieved(changed.info())) << "another network";
  changed = other;
  changed.record.expires = now.wall - 1s;
  EXPECT_TRUE(disbelieved(changed.info())) << "expired";
  info = other.info();
  info.virtual_address = ip("10.10.0.103");
  EXPECT_TRUE(disbelieved(info)) << "another address than the signed one";
  info = other.info();
  info.name = "bank";
  EXPECT_TRUE(disbelieved(info)) << "another name than the signed one";
  changed = other;
  changed.record.virtual_addresses = {ip("8.8.8.8")};
  EXPECT_TRUE(disbelieved(changed.info())) << "outside the network's prefix";
  changed = other;
  changed.keys = keys;
  changed.record.identity = keys.public_key;
  EXPECT_TRUE(disbelieved(changed.info())) << "ourselves";
  EXPECT_FALSE(disbelieved(other.info())) << "the honest description";
}

TEST_F(ServerLink, ALowerSerialThanSeenIsRefused) {
  start_online();
  notify("peer.changed", protocol::PeerChanged{other.info()}.to_json());
  EXPECT_EQ(take<PeerDescribed>().size(), 1u);
  other.record.serial = 4;
  notify("peer.changed", protocol::PeerChanged{other.info()}.to_json());
  EXPECT_TRUE(take<PeerDescribed>().empty());
  other.record.serial = 6;
  notify("connect.offer", protocol::ConnectOffer{other.info(), "abcdefgh"}.to_json());
  EXPECT_EQ(take<PeerOffered>().size(), 1u);
}

TEST_F(ServerLink, SerialsSeenBeforeTheRestartCount) {
  seen[other.keys.public_key] = 6;
  make();
  start_online();
  notify("peer.changed", protocol::PeerChanged{other.info()}.to_json());
  EXPECT_TRUE(take<PeerDescribed>().empty());
}

TEST_F(ServerLink, AnAnswerForAnotherAddressMakesThePeerUnreachable) {
  start_online();
  fsm->connect(ip("10.10.0.150"), "aaaaaaaa", {}, now);
  reply(expect_request("connect"), protocol::ConnectResult{other.info(), "abcdefgh"}.to_json());
  EXPECT_TRUE(take<PeerOffered>().empty());
  EXPECT_EQ(take<PeerUnreachable>().size(), 1u);
}

TEST_F(ServerLink, GarbageIsCountedAndInTheEndEndsTheConnection) {
  start_online();
  for (int i = 0; i < 15; ++i)
    fsm->on_line("}{ not json", now);
  EXPECT_EQ(fsm->state(), LinkState::online);
  EXPECT_EQ(fsm->counters().lines_malformed, 15u);
  fsm->on_line(std::string(1 << 20, '['), now);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
}

TEST_F(ServerLink, LinesOutOfPlaceChangeNothing) {
  fsm->on_line(protocol::make_result(1, Json::object()), now);
  fsm->start(now);
  fsm->on_line(protocol::make_result(1, authenticated()), now);
  EXPECT_EQ(fsm->state(), LinkState::connecting);
  fsm->on_connected(exporter, now);
  notify("connect.offer", protocol::ConnectOffer{other.info(), "abcdefgh"}.to_json());
  fsm->on_line(protocol::make_result(77, registered_as("10.10.0.101")), now);
  EXPECT_EQ(fsm->state(), LinkState::authenticating);
  EXPECT_TRUE(take<PeerOffered>().empty());
  EXPECT_EQ(fsm->counters().replies_unexpected, 1u);
}

TEST_F(ServerLink, AReplyThatCannotBeReadLeadsToAnotherTry) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), Json::array());
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  run_to_timeout();
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  Json wrong = registered_as("10.10.0.101");
  wrong["prefix"] = "10.99.0.0/24";
  reply(expect_request("register"), wrong);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
}

TEST_F(ServerLink, ATemporaryErrorOfRegisterWaitsAsLongAsTheServerSays) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  fail(expect_request("register"), protocol::ErrorCode::try_later, 20'000);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_GE(run_to_timeout(), 20s);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  fail(expect_request("register"), protocol::ErrorCode::pool_exhausted);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  EXPECT_THAT(last_reason(), HasSubstr("no free virtual address"));
}

TEST_F(ServerLink, AStaleRecordIsSignedAgainFarAbove) {
  fsm->start(now);
  come_online();
  const auto serial = fsm->record_serial();
  fail(expect_request("update"), protocol::ErrorCode::stale);
  expect_request("query");
  EXPECT_EQ(expect_request("update")["params"].contains("record"), true);
  EXPECT_GT(fsm->record_serial(), serial + 1'000'000);
}

TEST_F(ServerLink, AServerThatForgotUsIsAskedAgain) {
  start_online();
  fsm->connect(ip("10.10.0.102"), "aaaaaaaa", {}, now);
  fail(expect_request("connect"), protocol::ErrorCode::not_registered);
  EXPECT_EQ(fsm->state(), LinkState::waiting);
  run_to_timeout();
  come_online();
}

TEST_F(ServerLink, ARevokedNodeStopsTrying) {
  start_online();
  fsm->on_closed("it closed the connection", now);
  run_to_timeout();
  fsm->on_connected(exporter, now);
  fail(expect_request("authenticate"), protocol::ErrorCode::refused);
  EXPECT_EQ(fsm->state(), LinkState::refused);
}

TEST_F(ServerLink, AnAnnouncedShutdownIsWaitedFor) {
  start_online();
  notify("shutdown", protocol::Shutdown{8000}.to_json());
  fsm->on_closed("it closed the connection", now);
  EXPECT_GE(run_to_timeout(), 8s);
}

TEST_F(ServerLink, PeersThatGoAreTold) {
  start_online();
  using protocol::PeerStatus;
  for (const auto& [status, for_good] :
       {std::pair{PeerStatus::offline, false}, std::pair{PeerStatus::gone, true},
        std::pair{PeerStatus::revoked, true}}) {
    notify("peer.changed",
           protocol::PeerChanged{protocol::PeerStatusChange{ip("10.10.0.102"), status}}.to_json());
    const auto gone = take<PeerGone>();
    ASSERT_EQ(gone.size(), 1u);
    EXPECT_EQ(gone[0].for_good, for_good);
  }
}

// ---- leaving and stopping ----

TEST_F(ServerLink, LeavingWaitsForTheConfirmation) {
  start_online();
  fsm->leave(now);
  EXPECT_EQ(fsm->state(), LinkState::leaving);
  EXPECT_TRUE(take<Deregistered>().empty());
  reply(expect_request("deregister"), Json::object());
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::idle);
  EXPECT_FALSE(fsm->next_timeout());
}

TEST_F(ServerLink, LeavingEndsEvenWhenTheServerIsLost) {
  start_online();
  fsm->leave(now);
  fsm->on_closed("reset", now);
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::idle);
  settle();
  start_online();
  fsm->leave(now);
  EXPECT_EQ(run_to_timeout(), 10s);
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::idle);
}

TEST_F(ServerLink, LeavingWithoutAServerIsDoneAtOnce) {
  fsm->start(now);
  fsm->on_closed("no route", now);
  fsm->leave(now);
  EXPECT_EQ(take<Deregistered>().size(), 1u);
  EXPECT_FALSE(fsm->next_timeout());
}

TEST_F(ServerLink, StoppingSaysNothingToTheServer) {
  start_online();
  fsm->stop(now);
  EXPECT_TRUE(next_request().is_null());
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
  EXPECT_TRUE(take<Deregistered>().empty());
  EXPECT_EQ(fsm->state(), LinkState::idle);
}

TEST_F(ServerLink, TheRecordIsRenewedEveryDay) {
  start_online();
  const auto serial = fsm->record_serial();
  const SteadyTime begin = now.steady;
  while (now.steady - begin < 25h) {
    run_to_timeout();
    settle();
  }
  EXPECT_EQ(fsm->state(), LinkState::online);
  EXPECT_GT(fsm->record_serial(), serial);
  EXPECT_LE(fsm->record_serial(), serial + 90'000);
}

TEST_F(ServerLink, NoSequenceOfBytesBreaksIt) {
  SeededRandom noise(99);
  const std::string line = protocol::make_notification(
      "connect.offer", protocol::ConnectOffer{other.info(), "abcdefgh"}.to_json());
  for (int round = 0; round < 2000; ++round) {
    if (fsm->state() != LinkState::online) {
      fsm->stop(now);
      log.clear();
      requests.clear();
      take<SendLine>();
      start_online();
    }
    std::string broken = line;
    for (int i = 0; i < 3; ++i)
      broken[noise.below(broken.size())] = static_cast<char>(noise.below(256));
    fsm->on_line(broken, now);
    drain();
    log.clear();
  }
  EXPECT_GT(fsm->counters().lines_malformed + fsm->counters().nodes_disbelieved, 1000u);
}

}  // namespace
}  // namespace causeway::link
