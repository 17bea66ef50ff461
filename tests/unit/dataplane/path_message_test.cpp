// Path messages on their way through the data loop, and copies of data on a second path.
#include "forwarder_fixture.hpp"

namespace causeway::dataplane {
namespace {

constexpr net::BaseId kOtherBase{8};

struct PathMessages : TwoNodes {
  PathMessages() {
    use_compact(crypto::AeadAlgorithm::aes_256_gcm);
    connect();
    near.tell(AddBase{kOtherBase, other_carrier});
  }
  static Bytes message(std::size_t bytes) {
    Bytes plaintext(bytes, 0);
    plaintext[0] = packet::kCompactPathMessage;
    return plaintext;
  }
  std::shared_ptr<FakeCarrier> other_carrier = std::make_shared<FakeCarrier>();
};

TEST_F(PathMessages, LeaveByThePathThatIsNamed) {
  near.tell(SendPathMessage{kPeer, kOtherBase, endpoint("203.0.113.9:900"), message(40)});
  EXPECT_EQ(near.carrier->datagrams(), 0u);
  ASSERT_EQ(other_carrier->sent.size(), 1u);
  EXPECT_EQ(other_carrier->sent[0].to, endpoint("203.0.113.9:900"));
  EXPECT_EQ(other_carrier->sent[0].bytes.size(), session::Keypair::compact_bytes(40));
}

TEST_F(PathMessages, ArriveAtTheControlThreadWithWhereTheyCameFrom) {
  near.tell(SendPathMessage{kPeer, kBase, endpoint("192.0.2.2:2000"), message(1400)});
  hand_over(near, far, "203.0.113.77:7");
  const auto arrived = far.events.of<PathMessageReceived>();
  ASSERT_EQ(arrived.size(), 1u);
  EXPECT_EQ(arrived[0].peer, kPeer);
  EXPECT_EQ(arrived[0].base, kBase);
  EXPECT_EQ(arrived[0].from, endpoint("203.0.113.77:7"));
  EXPECT_EQ(arrived[0].bytes_in_all, 1400u);
  EXPECT_EQ(arrived[0].beginning.size(), kMostPathMessageBytes);
  EXPECT_EQ(arrived[0].beginning[0], packet::kCompactPathMessage);
  EXPECT_TRUE(far.tun.written.empty());
  EXPECT_EQ(far.dropped_in_all(), 0u);
}

TEST_F(PathMessages, AreNoData) {
  near.tell(SendPathMessage{kPeer, kBase, endpoint("192.0.2.2:2000"), message(100)});
  hand_over(near, far);
  EXPECT_EQ(near.counters->data_sent_at.load(), 0);
  EXPECT_NE(near.counters->anything_sent_at.load(), 0);
  EXPECT_EQ(far.counters->data_received_at.load(), 0);
  EXPECT_EQ(far.counters->path_data_received_at.load(), 0);
  EXPECT_NE(far.counters->anything_received_at.load(), 0);
}

TEST_F(PathMessages, ComeBetweenSegmentsThatAreJoined) {
  near.tun.put(build_super_frame({.payload = Bytes(3000, 7)}, 1000));
  near.forwarder->on_tun_readable(near.now);
  near.tell(SendPathMessage{kPeer, kBase, endpoint("192.0.2.2:2000"), message(300)});
  Bytes all;
  for (const auto& batch : std::exchange(near.carrier->sent, {})) {
    Bytes copy = batch.bytes;
    far.forwarder->on_received({kBase, endpoint("192.0.2.1:1000"), copy, batch.segment_bytes}, far.now);
  }
  far.forwarder->flush(far.now);
  EXPECT_EQ(far.events.of<PathMessageReceived>().size(), 1u);
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet.size(), 3000u + 40);
  EXPECT_EQ(far.dropped_in_all(), 0u);
}

TEST_F(PathMessages, AreNotMadeOfPieces) {
  far.receive(sealed_compact({packet::kCompactFirstPiece, packet::kCompactPathMessage, 1}));
  far.receive(sealed_compact({packet::kCompactSecondPiece, 2, 3}));
  EXPECT_TRUE(far.events.of<PathMessageReceived>().empty());
  EXPECT_EQ(far.dropped(DropReason::inner_malformed), 1u);
}

TEST_F(PathMessages, NeedAKeypairForCompactMessages) {
  near.tell(ErasePeerKeypairs{kPeer});
  near.tell(SendPathMessage{kPeer, kBase, endpoint("192.0.2.2:2000"), message(100)});
  EXPECT_EQ(near.carrier->datagrams(), 0u);
  EXPECT_EQ(near.dropped(DropReason::no_path), 1u);
  near.tell(SendPathMessage{kPeer, net::BaseId{99}, endpoint("192.0.2.2:2000"), message(100)});
  EXPECT_EQ(near.dropped(DropReason::no_path), 2u);
}

TEST_F(PathMessages, LongerThanADatagramAreNotSent) {
  near.tell(SendPathMessage{kPeer, kBase, endpoint("192.0.2.2:2000"), message(65'500)});
  EXPECT_EQ(near.carrier->datagrams(), 0u);
  EXPECT_EQ(near.dropped(DropReason::no_path), 1u);
}

TEST_F(PathMessages, OfASizeThatTheKernelRefusesChangeNothing) {
  near.carrier->most_datagram_bytes = 1000;
  near.tell(SendPathMessage{kPeer, kBase, endpoint("192.0.2.2:2000"), message(1400)});
  EXPECT_EQ(near.dropped_in_all(), 0u);
  EXPECT_TRUE(near.events.of<PathFailed>().empty());
}

TEST_F(PathMessages, DataCountsForThePathItCameBy) {
  near.send(build({.payload = Bytes(100, 1)}));
  hand_over(near, far, "203.0.113.77:7");
  EXPECT_NE(far.counters->data_received_at.load(), 0);
  EXPECT_EQ(far.counters->path_data_received_at.load(), 0) << "not the path in use";
  near.send(build({.payload = Bytes(100, 2)}));
  hand_over(near, far, "192.0.2.1:1000");
  EXPECT_NE(far.counters->path_data_received_at.load(), 0);
}

TEST_F(PathMessages, ADoubtfulPathHasACompanionAndOneCopyIsTaken) {
  const DataPath other{kOtherBase, endpoint("203.0.113.9:900"), 1400};
  near.tell(SetPath{kPeer, DataPath{kBase, endpoint("192.0.2.2:2000")}, other});
  near.send(build({.payload = Bytes(500, 1)}));
  ASSERT_EQ(near.carrier->sent.size(), 1u);
  ASSERT_EQ(other_carrier->sent.size(), 1u);
  EXPECT_EQ(other_carrier->sent[0].to, other.remote);
  EXPECT_EQ(other_carrier->sent[0].bytes, near.carrier->sent[0].bytes);
  hand_over(near, far);
  far.receive(other_carrier->sent[0].bytes, "198.51.100.7:7");
  EXPECT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.dropped(DropReason::replayed), 1u);

  // Both must carry it.
  near.send(build({.payload = Bytes(1400, 1)}));
  EXPECT_EQ(near.dropped(DropReason::too_big), 1u);
  near.tell(SetPath{kPeer, DataPath{kBase, endpoint("192.0.2.2:2000")}});
  near.send(build({.payload = Bytes(1400, 1)}));
  EXPECT_EQ(other_carrier->sent.size(), 1u);
  EXPECT_EQ(near.carrier->datagrams(), 1u);
}

TEST_F(PathMessages, ACompanionWhoseNicIsGoneIsPassedOver) {
  near.tell(SetPath{kPeer, DataPath{kBase, endpoint("192.0.2.2:2000")},
                    DataPath{kOtherBase, endpoint("203.0.113.9:900")}});
  near.tell(RemoveBase{kOtherBase});
  near.send(build({.payload = Bytes(500, 1)}));
  EXPECT_EQ(near.carrier->datagrams(), 1u);
}

}  // namespace
}  // namespace causeway::dataplane
