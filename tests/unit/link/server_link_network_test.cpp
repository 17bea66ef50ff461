// This machine's network changes, or it sleeps, while the link is in one state or another (spec V7).
#include "tests/unit/link/scripted_server.hpp"

namespace causeway::link {
namespace {

TEST_F(ServerLink, ATryThatWaitsIsMadeAtOnceWhenTheNetworkChanges) {
  fsm->start(now);
  for (int failures = 0; failures < 8; ++failures) {
    fsm->on_closed("Network is unreachable", now);
    run_to_timeout();
  }
  fsm->on_closed("Network is unreachable", now);
  (void)take<OpenConnection>();
  ASSERT_EQ(fsm->state(), LinkState::waiting);
  fsm->on_network_changed(now);
  EXPECT_EQ(take<OpenConnection>().size(), 1u);
  EXPECT_EQ(fsm->state(), LinkState::connecting);
  fsm->on_closed("no route", now);
  EXPECT_LE(run_to_timeout(), 500ms) << "what failed before was another network's";
}

TEST_F(ServerLink, AConnectionUnderWayIsBegunAnew) {
  fsm->start(now);
  (void)take<OpenConnection>();
  fsm->on_network_changed(now);
  EXPECT_EQ(take<CloseConnection>().size(), 1u);
  EXPECT_EQ(take<OpenConnection>().size(), 1u);
}

TEST_F(ServerLink, AConnectionThatStandsIsAskedOnceAndKeptWhenItAnswers) {
  fsm->start(now);
  come_online();
  settle();
  fsm->on_network_changed(now);
  fsm->on_network_changed(now);  // changes come in bursts
  const Json ping = expect_request("ping");
  EXPECT_TRUE(next_request().is_null());
  advance(1s);
  reply(ping, Json::object());
  advance(5s);
  fsm->on_timeout(now);
  EXPECT_EQ(fsm->state(), LinkState::online);
}

TEST_F(ServerLink, AConnectionThatIsSilentIsMadeAnewWithinTwoSeconds) {
  fsm->start(now);
  come_online();
  settle();
  (void)take<OpenConnection>();
  fsm->on_network_changed(now);
  EXPECT_LE(run_to_timeout(), 2s);
  EXPECT_EQ(fsm->state(), LinkState::connecting);
  EXPECT_EQ(take<OpenConnection>().size(), 1u);
}

TEST_F(ServerLink, WhoLeftStaysAway) {
  fsm->start(now);
  come_online();
  settle();
  fsm->leave(now);
  fsm->on_network_changed(now);
  EXPECT_EQ(fsm->state(), LinkState::leaving);
  reply(expect_request("deregister"), Json::object());
  (void)take<OpenConnection>();
  fsm->on_network_changed(now);
  EXPECT_EQ(fsm->state(), LinkState::idle);
  EXPECT_TRUE(take<OpenConnection>().empty());
}

}  // namespace
}  // namespace causeway::link
