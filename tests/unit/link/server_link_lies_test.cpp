// A server that lies, or talks nonsense.
#include "tests/unit/link/scripted_server.hpp"

namespace causeway::link {
namespace {

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
