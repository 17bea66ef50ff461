// How paths do is told to the server; its hints come with what it says of others (spec S5, V6).
#include "tests/unit/link/scripted_server.hpp"

namespace causeway::link {
namespace {

protocol::PathReport path() {
  return {ip("10.10.0.102"), ip("203.0.113.5"), ip("192.0.2.9"), "host", "host", "udp"};
}

TEST_F(ServerLink, ReportsGoOneAtATimeAndOnlyWhileOnline) {
  EXPECT_FALSE(fsm->report({path()}, now));
  start_online();
  EXPECT_TRUE(fsm->report({path()}, now));
  const Json request = expect_request("report");
  EXPECT_EQ(request["params"], (protocol::ReportParams{{path()}}.to_json()));
  EXPECT_FALSE(fsm->report({path()}, now)) << "the first one is not answered";
  reply(request, Json::object());
  EXPECT_TRUE(fsm->report({}, now));
  EXPECT_EQ(expect_request("report")["params"]["paths"], Json::array());
  fsm->on_closed("gone", now);
  EXPECT_FALSE(fsm->report({path()}, now));
}

TEST_F(ServerLink, AReportThatIsRefusedHarmsNothing) {
  start_online();
  for (const auto code : {protocol::ErrorCode::try_later, protocol::ErrorCode::no_such_address,
                          protocol::ErrorCode::invalid_params}) {
    ASSERT_TRUE(fsm->report({path()}, now));
    fail(expect_request("report"), code, 5000);
    EXPECT_EQ(fsm->state(), LinkState::online);
  }
  ASSERT_TRUE(fsm->report({path()}, now));
  fail(expect_request("report"), protocol::ErrorCode::not_registered);
  EXPECT_EQ(fsm->state(), LinkState::waiting) << "to register again";
}

TEST_F(ServerLink, AnOlderServerIsToldOnceForEachRegistration) {
  start_online();
  ASSERT_TRUE(fsm->report({path()}, now));
  fail(expect_request("report"), protocol::ErrorCode::method_not_found);
  EXPECT_EQ(fsm->state(), LinkState::online);
  EXPECT_FALSE(fsm->report({path()}, now));
  fsm->on_closed("it is upgraded", now);
  while (fsm->state() != LinkState::connecting)
    run_to_timeout();
  come_online();
  settle();
  EXPECT_TRUE(fsm->report({path()}, now));
}

TEST_F(ServerLink, HintsComeWithDescriptions) {
  start_online();
  protocol::NodeInfo info = other.info();
  notify("peer.changed", protocol::PeerChanged{info}.to_json());
  auto described = take<PeerDescribed>();
  ASSERT_EQ(described.size(), 1u);
  EXPECT_FALSE(described[0].node.hints) << "nothing new";

  info.hints = {{*net::Prefix::parse("203.0.113.0/24"), *net::Prefix::parse("192.0.2.0/24"), true, false,
                 700'000, 400}};
  notify("connect.offer", protocol::ConnectOffer{info, "ufrag1"}.to_json());
  const auto offered = take<PeerOffered>();
  ASSERT_EQ(offered.size(), 1u);
  ASSERT_TRUE(offered[0].node.hints);
  EXPECT_EQ(*offered[0].node.hints,
            (std::vector<path::HintFor>{{.local = *net::Prefix::parse("203.0.113.0/24"),
                                         .remote = *net::Prefix::parse("192.0.2.0/24"),
                                         .local_type = ice::CandidateType::relayed,
                                         .hint = {700'000, 400}}}));
  info.hints.emplace();
  notify("peer.changed", protocol::PeerChanged{info}.to_json());
  described = take<PeerDescribed>();
  ASSERT_EQ(described.size(), 1u);
  ASSERT_TRUE(described[0].node.hints) << "that there are none any more is news";
  EXPECT_TRUE(described[0].node.hints->empty());
}

}  // namespace
}  // namespace causeway::link
