// Whose changes we want to hear of, and who wants to hear of ours (spec M9/M10).
#include "link/subscriptions.hpp"
#include "tests/unit/link/scripted_server.hpp"

namespace causeway::link {
namespace {

using protocol::SubscriptionState;

class LinkSubscriptions : public ServerLink {
 protected:
  static Json told(const char* address, const char* state) {
    return {{"virtual_address", address}, {"state", state}};
  }
  void answer(const Json& request, const char* state) {
    Json list = Json::array();
    for (const Json& address : request["params"]["addresses"])
      list.push_back({{"virtual_address", address}, {"state", state}});
    reply(request, {{"subscriptions", list}});
  }
  Json registration() {
    fsm->on_connected(exporter, now);
    reply(expect_request("authenticate"), authenticated());
    const Json request = expect_request("register");
    reply(request, registered_as("10.10.0.101"));
    return request["params"];
  }
  void lose_server() {
    fsm->on_closed("gone", now);
    while (fsm->state() != LinkState::connecting)
      run_to_timeout();
  }
};

TEST_F(LinkSubscriptions, GoOneRequestAtATimeWithAllThatPiledUp) {
  start_online();
  fsm->subscribe(ip("10.10.0.2"), now);
  const Json first = expect_request("subscribe");
  EXPECT_EQ(first["params"], Json::parse(R"({"addresses": ["10.10.0.2"]})"));
  for (unsigned i = 3; i < 10; ++i)
    fsm->subscribe(net::IpAddress::v4(0x0a0a0000u + i), now);
  fsm->subscribe(ip("10.10.0.2"), now);
  EXPECT_TRUE(next_request().is_null());
  answer(first, "pending");
  const Json second = expect_request("subscribe");
  EXPECT_EQ(second["params"]["addresses"].size(), 7u);
  answer(second, "accepted");
  EXPECT_EQ(fsm->subscription(ip("10.10.0.2")), SubscriptionState::pending);
  EXPECT_EQ(fsm->subscription(ip("10.10.0.9")), SubscriptionState::accepted);
  EXPECT_EQ(fsm->subscription(ip("10.10.0.10")), std::nullopt);
  EXPECT_TRUE(next_request().is_null());
}

TEST_F(LinkSubscriptions, WhatTheOtherSideSaysArrivesWithWhatThereIsToKnow) {
  start_online();
  fsm->subscribe(ip("10.10.0.102"), now);
  answer(expect_request("subscribe"), "pending");
  Json change = told("10.10.0.102", "accepted");
  change["node"] = other.info().to_json();
  notify("subscription.changed", change);
  EXPECT_EQ(take<PeerDescribed>().size(), 1u);
  EXPECT_EQ(fsm->subscription(ip("10.10.0.102")), SubscriptionState::accepted);
  notify("subscription.changed", told("10.10.0.102", "refused"));
  EXPECT_EQ(fsm->subscription(ip("10.10.0.102")), SubscriptionState::refused);
  // What nobody asked for, or no longer, changes nothing.
  notify("subscription.changed", told("10.10.0.77", "accepted"));
  EXPECT_EQ(fsm->subscription(ip("10.10.0.77")), std::nullopt);
  fsm->unsubscribe(ip("10.10.0.102"), now);
  notify("subscription.changed", change);
  EXPECT_TRUE(take<PeerDescribed>().empty());
  EXPECT_EQ(fsm->subscription(ip("10.10.0.102")), std::nullopt);
  EXPECT_EQ(expect_request("unsubscribe")["params"]["addresses"], Json::parse(R"(["10.10.0.102"])"));
}

TEST_F(LinkSubscriptions, AreAskedForAgainAfterAReconnect) {
  start_online();
  fsm->subscribe(ip("10.10.0.2"), now);
  answer(expect_request("subscribe"), "accepted");
  fsm->subscribe(ip("10.10.0.3"), now);
  expect_request("subscribe");  // its reply is never seen
  lose_server();
  fsm->subscribe(ip("10.10.0.4"), now);
  fsm->unsubscribe(ip("10.10.0.2"), now);
  registration();
  EXPECT_EQ(fsm->subscription(ip("10.10.0.3")), SubscriptionState::pending);
  Json request = next_request();
  while (!request.is_null() && request["method"] != "subscribe") {
    EXPECT_NE(request["method"], "unsubscribe") << "the new server session knows of none";
    request = next_request();
  }
  EXPECT_EQ(request["params"]["addresses"], Json::parse(R"(["10.10.0.3", "10.10.0.4"])"));
}

TEST_F(LinkSubscriptions, EndWhenTheOtherIsGoneForGood) {
  start_online();
  fsm->subscribe(ip("10.10.0.2"), now);
  answer(expect_request("subscribe"), "accepted");
  notify("peer.changed", told("10.10.0.2", "offline"));
  EXPECT_EQ(fsm->subscription(ip("10.10.0.2")), SubscriptionState::accepted);
  notify("peer.changed", told("10.10.0.2", "gone"));
  EXPECT_EQ(fsm->subscription(ip("10.10.0.2")), std::nullopt);
  fsm->unsubscribe(ip("10.10.0.2"), now);
  EXPECT_TRUE(next_request().is_null());
}

TEST_F(LinkSubscriptions, WaitWhenTheServerSaysSoAndStopWithAnOlderOne) {
  start_online();
  fsm->subscribe(ip("10.10.0.2"), now);
  fail(expect_request("subscribe"), protocol::ErrorCode::try_later, 5000);
  fsm->subscribe(ip("10.10.0.3"), now);
  EXPECT_TRUE(next_request().is_null());
  EXPECT_EQ(run_to_timeout(), 5s);
  const Json again = expect_request("subscribe");
  EXPECT_EQ(again["params"]["addresses"].size(), 2u);
  fail(again, protocol::ErrorCode::method_not_found);
  fsm->subscribe(ip("10.10.0.4"), now);
  EXPECT_TRUE(next_request().is_null());
  EXPECT_EQ(fsm->state(), LinkState::online);
}

TEST_F(LinkSubscriptions, AreBounded) {
  start_online();
  for (unsigned i = 0; i < Subscriptions::kMost + 10; ++i)
    fsm->subscribe(net::IpAddress::v4(0x0a000000u + i + 1), now);
  std::size_t asked = 0;
  for (Json request = next_request(); !request.is_null(); request = next_request()) {
    EXPECT_LE(request["params"]["addresses"].size(), protocol::kMaxSubscribeAddresses);
    asked += request["params"]["addresses"].size();
    answer(request, "pending");
  }
  EXPECT_EQ(asked, Subscriptions::kMost);
}

TEST_F(LinkSubscriptions, SubscribersAreShownAsTheirOwnSignaturesHaveThem) {
  start_online();
  OtherNode liar(random);
  liar.record.name = "n3";
  liar.record.virtual_addresses = {ip("10.10.0.103")};
  auto lie = liar.info();
  lie.record.signature[0] ^= 1;
  notify("subscription.request", protocol::SubscriptionRequest{{other.info(), lie}}.to_json());
  const auto asked = take<SubscribersAsk>();
  ASSERT_EQ(asked.size(), 1u);
  ASSERT_EQ(asked[0].nodes.size(), 1u);
  EXPECT_EQ(asked[0].nodes[0].name, "n2");
  EXPECT_THAT(asked[0].disbelieved, testing::ElementsAre(ip("10.10.0.103")));
  fsm->answer_subscribers({ip("10.10.0.102")}, {ip("10.10.0.103")}, now);
  EXPECT_EQ(expect_request("subscription.answer")["params"],
            Json::parse(R"({"accepted": ["10.10.0.102"], "refused": ["10.10.0.103"]})"));
}

TEST_F(LinkSubscriptions, AnAnswerThatTheServerDidNotTakeIsAskedForAnew) {
  start_online();
  notify("subscription.request", protocol::SubscriptionRequest{{other.info()}}.to_json());
  take<SubscribersAsk>();
  fsm->answer_subscribers({ip("10.10.0.102")}, {}, now);
  fail(expect_request("subscription.answer"), protocol::ErrorCode::try_later, 100);
  fsm->set_candidates({}, now);
  fsm->review_subscribers(now);
  EXPECT_EQ(expect_request("update")["params"]["keep_subscribers"], false);
}

TEST_F(LinkSubscriptions, AnswersHoldOverReconnectsUntilThePolicyChanges) {
  fsm->start(now);
  EXPECT_FALSE(registration().contains("keep_subscribers")) << "a new process may have another policy";
  settle();
  lose_server();
  EXPECT_EQ(registration()["keep_subscribers"], true);
  settle();
  fsm->review_subscribers(now);
  EXPECT_EQ(expect_request("update")["params"]["keep_subscribers"], false);
  lose_server();  // it may never have arrived
  EXPECT_FALSE(registration().contains("keep_subscribers"));
  settle();
  lose_server();
  fsm->review_subscribers(now);
  EXPECT_FALSE(registration().contains("keep_subscribers"));
  settle();
  lose_server();
  EXPECT_EQ(registration()["keep_subscribers"], true);
}

TEST_F(LinkSubscriptions, WhatIsNoneIsCountedAndDropped) {
  start_online();
  fsm->subscribe(ip("10.10.0.2"), now);
  const Json request = expect_request("subscribe");
  reply(request, Json{{"subscriptions", 5}});
  for (const Json& bad : {Json::object(), Json{{"nodes", 5}}, Json{{"nodes", {5}}},
                          Json{{"nodes", Json::array({Json::object()})}}}) {
    notify("subscription.request", bad);
  }
  for (const Json& bad : {Json::object(), told("x", "accepted"), told("10.10.0.2", "granted"),
                          Json{{"virtual_address", "10.10.0.2"}, {"state", "accepted"}, {"node", 7}}}) {
    notify("subscription.changed", bad);
  }
  EXPECT_TRUE(take<SubscribersAsk>().empty());
  EXPECT_TRUE(take<PeerDescribed>().empty());
  EXPECT_EQ(fsm->counters().lines_malformed, 9u);
  // A description of somebody else behind our subscription is not taken for it.
  Json foreign = told("10.10.0.2", "accepted");
  foreign["node"] = other.info().to_json();
  notify("subscription.changed", foreign);
  EXPECT_TRUE(take<PeerDescribed>().empty());
}

// ---- TURN credentials ----

TEST_F(ServerLink, TellsTurnServersAtEachRegistrationAndRenewal) {
  fsm->start(now);
  fsm->on_connected(exporter, now);
  reply(expect_request("authenticate"), authenticated());
  Json result = registered_as("10.10.0.101");
  const auto server = [](const char* uri, const char* user) {
    return Json{{"uri", uri}, {"username", user}, {"password", "p"}, {"expires", 1'800'000'000}};
  };
  result["turn"] = {server("turn:192.0.2.1:3478?transport=udp", "1:a")};
  reply(expect_request("register"), result);
  auto told = take<TurnServersTold>();
  ASSERT_EQ(told.size(), 1u);
  ASSERT_EQ(told[0].servers.size(), 1u);
  EXPECT_EQ(told[0].servers[0].expires, 1'800'000'000);
  notify("turn.changed", {{"turn", {server("turns:relay.example", "2:a")}}});
  told = take<TurnServersTold>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].servers.at(0).username, "2:a");

  // Entries that nobody could use are left out, and so is what is too much.
  Json hostile = Json::array({5, Json::object(), server("stun:192.0.2.1", "a"), server("turn:a b", "a"),
                              server("turn:\n", "a"), server("turn:192.0.2.1", ""),
                              server(std::string("turn:").append(400, 'a').c_str(), "a"),
                              server("turn:192.0.2.1", std::string(600, 'u').c_str())});
  notify("turn.changed", {{"turn", hostile}});
  told = take<TurnServersTold>();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(told[0].servers.empty());
  Json many = Json::array();
  for (int i = 0; i < 100; ++i)
    many.push_back(server("turn:192.0.2.1", "a"));
  notify("turn.changed", {{"turn", many}});
  EXPECT_EQ(take<TurnServersTold>().at(0).servers.size(), protocol::kMaxTurnServers);
  notify("turn.changed", {{"turn", 5}});
  notify("turn.changed", Json::object());
  EXPECT_TRUE(take<TurnServersTold>().empty());
  EXPECT_EQ(fsm->counters().lines_malformed, 2u);
}

// ---- IPv6 inside ----

class Ipv6Inside : public ServerLink {
 protected:
  void register_with(const char* prefix6, const char* address6) {
    fsm->start(now);
    fsm->on_connected(exporter, now);
    reply(expect_request("authenticate"), authenticated());
    Json result = registered_as("10.10.0.101");
    result["prefix6"] = prefix6;
    result["virtual_address6"] = address6;
    reply(expect_request("register"), result);
  }
  std::vector<PeerDescribed> describe(const char* address6) {
    other.record.virtual_addresses = {ip("10.10.0.102")};
    if (address6 != nullptr) other.record.virtual_addresses.push_back(ip(address6));
    ++other.record.serial;
    notify("peer.changed", protocol::PeerChanged{other.info()}.to_json());
    return take<PeerDescribed>();
  }
};

TEST_F(Ipv6Inside, IsAnnouncedInOurRecord) {
  register_with("fd12:3456:789a::/64", "fd12:3456:789a::a0a:65");
  const auto registered = take<Registered>();
  ASSERT_EQ(registered.size(), 1u);
  EXPECT_EQ(registered[0].on_link6, net::Prefix::parse("fd12:3456:789a::/64"));
  const auto params = protocol::UpdateParams::parse(expect_request("update")["params"]);
  const auto record = protocol::verify(*params->record, kNetwork, now.wall);
  ASSERT_TRUE(record);
  EXPECT_THAT(record->virtual_addresses,
              testing::ElementsAre(ip("10.10.0.101"), ip("fd12:3456:789a::a0a:65")));
}

TEST_F(Ipv6Inside, OfPeersIsBelievedWhenItIsTheirsAlone) {
  register_with("fd12:3456:789a::/64", "fd12:3456:789a::a0a:65");
  settle();
  auto described = describe("fd12:3456:789a::a0a:66");
  ASSERT_EQ(described.size(), 1u);
  EXPECT_EQ(described[0].node.virtual_address6, ip("fd12:3456:789a::a0a:66"));
  described = describe(nullptr);
  ASSERT_EQ(described.size(), 1u) << "a node of an earlier version";
  EXPECT_EQ(described[0].node.virtual_address6, std::nullopt);
  for (const char* foreign : {"fd12:3456:789a::a0a:65", "fd12:3456:789b::a0a:66", "2001:db8::1"})
    EXPECT_TRUE(describe(foreign).empty()) << foreign;
  EXPECT_EQ(fsm->counters().nodes_disbelieved, 3u);
}

TEST_F(Ipv6Inside, IsNothingWithoutAPrefix) {
  start_online();
  const auto described = describe("fd12:3456:789a::a0a:66");
  ASSERT_EQ(described.size(), 1u);
  EXPECT_EQ(described[0].node.virtual_address6, std::nullopt);
}

TEST_F(Ipv6Inside, OfAServerThatWantsTheRealWorldIsRefused) {
  for (const auto& [prefix, address] : {std::pair{"2000::/3", "2000::a0a:65"},
                                        {"::/0", "::a0a:65"},
                                        {"fd12:3456:789a::/48", "fd12:3456:789a::a0a:65"},
                                        {"fc12:3456:789a::/64", "fc12:3456:789a::a0a:65"},
                                        {"fd12:3456:789a::/64", "fd12:3456:789a::1"},
                                        {"10.0.0.0/64", "10.0.0.1"},
                                        {"", ""}}) {
    make();
    register_with(prefix, address);
    EXPECT_EQ(fsm->state(), LinkState::waiting) << prefix;
    EXPECT_TRUE(take<Registered>().empty());
    log.clear();
    requests.clear();
  }
}

// ---- coming back to a large server ----

TEST_F(ServerLink, ComesBackWithinTheWindowThatTheServerAsksFor) {
  Duration longest{};
  for (unsigned seed = 0; seed < 200; ++seed) {
    random = SeededRandom(seed);
    make();
    fsm->start(now);
    fsm->on_connected(exporter, now);
    reply(expect_request("authenticate"), authenticated());
    Json result = registered_as("10.10.0.101");
    result["reconnect_ms"] = 20'000;
    reply(expect_request("register"), result);
    settle();
    fsm->on_closed("gone", now);
    const Duration waited = run_to_timeout();
    EXPECT_LT(waited, 20s);
    longest = std::max(longest, waited);
    // Back again, the list of all nodes is no hurry: it is known.
    fsm->on_connected(exporter, now);
    reply(expect_request("authenticate"), authenticated());
    reply(expect_request("register"), result);
    for (Json request = next_request(); !request.is_null(); request = next_request())
      EXPECT_NE(request["method"], "query");
    log.clear();
  }
  EXPECT_GT(longest, 18s);
}

}  // namespace
}  // namespace causeway::link
