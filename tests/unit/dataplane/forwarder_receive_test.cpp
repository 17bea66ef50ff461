#include "forwarder_fixture.hpp"

namespace causeway::dataplane {
namespace {

struct ForwarderReceive : TwoNodes {
  void SetUp() override { connect(); }
  const Bytes good = build({.payload = Bytes(100, 1)});
};

TEST_F(ForwarderReceive, WritesWhatThePeerSent) {
  near.send(good);
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet, good);
  EXPECT_EQ(far.dropped_in_all(), 0u);
}

TEST_F(ForwarderReceive, JoinsABatchIntoOneFrame) {
  PacketSpec spec{.payload = Bytes(30000)};
  SeededRandom(1).fill(spec.payload);
  const auto whole = build_super_frame(spec, 1400);
  near.tun.put(whole);
  near.forwarder->on_tun_readable(near.now);
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet, whole.packet);
  EXPECT_EQ(far.tun.written[0].header.gso_bytes, 1400);
}

TEST_F(ForwarderReceive, HoldsAFrameUntilTheBurstEnds) {
  const Bytes message = sealed(good);
  Bytes copy = message;
  far.forwarder->on_received(
      {kBase, endpoint("192.0.2.1:1000"), copy, static_cast<std::uint16_t>(copy.size())}, far.now);
  EXPECT_TRUE(far.tun.written.empty());
  far.forwarder->flush(far.now);
  EXPECT_EQ(far.tun.written.size(), 1u);
}

TEST_F(ForwarderReceive, ALastDatagramMayBeShorter) {
  Bytes both = sealed(good);
  const auto step = static_cast<std::uint16_t>(both.size());
  const Bytes shorter = sealed(build({.source_port = 1, .payload = Bytes(3, 1)}));
  both.insert(both.end(), shorter.begin(), shorter.end());
  far.receive(both, "192.0.2.1:1000", step);
  EXPECT_EQ(far.tun.written.size(), 2u);
}

TEST_F(ForwarderReceive, ABatchWithoutSegmentSizeIsOneDatagram) {
  Bytes message = sealed(good);
  far.forwarder->on_received({kBase, endpoint("192.0.2.1:1000"), message, 0}, far.now);
  far.forwarder->flush(far.now);
  EXPECT_EQ(far.tun.written.size(), 1u);
}

TEST_F(ForwarderReceive, CountsWhatComes) {
  const Bytes message = sealed(good);
  far.receive(message);
  far.pass(1s);
  far.receive(sealed({}));
  EXPECT_EQ(far.counters->rx_packets, 2u);
  EXPECT_EQ(far.counters->rx_bytes, message.size() + 32);
  const auto traffic = far.counters->take_snapshot();
  EXPECT_EQ(traffic.anything_received, far.now.steady);
  EXPECT_EQ(traffic.data_received, far.now.steady - 1s);
}

TEST_F(ForwarderReceive, AKeepaliveIsNotWritten) {
  far.receive(sealed({}));
  EXPECT_TRUE(far.tun.written.empty());
  EXPECT_EQ(far.dropped_in_all(), 0u);
  EXPECT_EQ(far.counters->rx_packets, 1u);
}

TEST_F(ForwarderReceive, ForgeriesChangeNothing) {
  const Bytes message = sealed(good);
  for (std::size_t at = 0; at < message.size(); ++at) {
    Bytes forged = message;
    forged[at] ^= 0x10;
    far.receive(forged, "203.0.113.66:66");
  }
  EXPECT_TRUE(far.tun.written.empty());
  EXPECT_EQ(far.counters->rx_packets, 0u);
  EXPECT_EQ(far.dropped_in_all(), message.size());
  EXPECT_TRUE(far.events.events.empty());
  far.receive(message);
  EXPECT_EQ(far.tun.written.size(), 1u);
}

TEST_F(ForwarderReceive, AForgeryBetweenDoesNotDamageItsNeighbours) {
  const auto segments = naive_segments({.payload = Bytes(4200, 0x77)}, 1400);
  Bytes batch;
  for (const Bytes& segment : segments) {
    const Bytes message = sealed(segment);
    Bytes forged = message;
    forged.at(message.size() - 1) ^= 1;
    batch.insert(batch.end(), forged.begin(), forged.end());
    batch.insert(batch.end(), message.begin(), message.end());
  }
  far.receive(batch, "192.0.2.1:1000", static_cast<std::uint16_t>(batch.size() / 6));
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet, build_super_frame({.payload = Bytes(4200, 0x77)}, 1400).packet);
  EXPECT_EQ(far.dropped(DropReason::bad_tag), 3u);
}

// ---- control datagrams ----

TEST_F(ForwarderReceive, StunAndHandshakesGoToTheControlThread) {
  Bytes stun = from_hex("000100002112a442").value();
  stun.resize(20);
  far.receive(stun, "203.0.113.5:5000");
  Bytes initiation(148);
  initiation[0] = 1;
  far.receive(initiation);
  const auto datagrams = far.events.of<ControlDatagram>();
  ASSERT_EQ(datagrams.size(), 2u);
  EXPECT_EQ(datagrams[0].datagram_class, ControlDatagram::Class::stun);
  EXPECT_EQ(datagrams[0].base, kBase);
  EXPECT_EQ(datagrams[0].from, endpoint("203.0.113.5:5000"));
  EXPECT_EQ(datagrams[0].bytes, stun);
  EXPECT_EQ(datagrams[1].datagram_class, ControlDatagram::Class::handshake);
  EXPECT_EQ(datagrams[1].bytes, initiation);
}

TEST_F(ForwarderReceive, StunInsideABatchOfDataIsFound) {
  Bytes batch = sealed({});
  Bytes stun = from_hex("010100002112a442").value();
  stun.resize(batch.size());
  batch.insert(batch.end(), stun.begin(), stun.end());
  far.receive(batch, "192.0.2.1:1000", 32);
  EXPECT_EQ(far.events.of<ControlDatagram>().size(), 1u);
  EXPECT_EQ(far.counters->rx_packets, 1u);
}

// ---- keypairs ----

TEST_F(ForwarderReceive, TheFirstPacketConfirmsAResponderAndFreesWhatWaits) {
  far.send(build({.source = "10.10.0.102", .destination = "10.10.0.101"}));
  EXPECT_TRUE(far.carrier->sent.empty());
  far.receive(sealed({}));
  ASSERT_EQ(far.events.of<KeypairConfirmed>().size(), 1u);
  EXPECT_EQ(far.events.of<KeypairConfirmed>()[0].local_index, kFarIndex);
  EXPECT_EQ(far.carrier->datagrams(), 1u);
  far.receive(sealed({}));
  EXPECT_EQ(far.events.of<KeypairConfirmed>().size(), 1u);
}

TEST_F(ForwarderReceive, KeypairsPushedOutAreReportedAndForgotten) {
  far.receive(sealed({}));
  for (std::uint32_t round = 1; round <= 4; ++round) {
    const auto next = make_keypairs(0x1000 + round, 0x2000 + round, far.now.steady);
    far.tell(InstallPeerKeypair{kPeer, next.responder});
    session::Keypair initiator(next.initiator);
    Bytes message(32);
    initiator.seal({}, message);
    far.receive(message);
  }
  EXPECT_EQ(far.events.of<KeypairConfirmed>().size(), 5u);
  std::vector<std::uint32_t> dropped;
  for (const auto& event : far.events.of<KeypairDropped>())
    dropped.push_back(event.local_index);
  EXPECT_EQ(dropped, (std::vector<std::uint32_t>{kFarIndex, 0x2001, 0x2002}));
  far.receive(sealed({}));
  EXPECT_EQ(far.dropped(DropReason::unknown_index), 1u);
}

TEST_F(ForwarderReceive, ErasedAndRemovedKeypairsAreReported) {
  far.tell(ErasePeerKeypairs{kPeer});
  ASSERT_EQ(far.events.of<KeypairDropped>().size(), 1u);
  far.tell(InstallPeerKeypair{kPeer, keys.responder});
  far.tell(RemovePeer{kPeer});
  EXPECT_EQ(far.events.of<KeypairDropped>().size(), 2u);
  far.tell(InstallPeerKeypair{kPeer, keys.responder});  // too late: the index is free at once
  EXPECT_EQ(far.events.of<KeypairDropped>().size(), 3u);
  far.receive(sealed({}));
  EXPECT_EQ(far.dropped(DropReason::unknown_index), 1u);
}

TEST_F(ForwarderReceive, WhatMustBeHeardWaitsForRoomInTheQueue) {
  far.events.is_full = true;
  far.receive(sealed({}));
  far.tell(ErasePeerKeypairs{kPeer});
  EXPECT_TRUE(far.events.events.empty());
  ASSERT_TRUE(far.forwarder->next_timeout());
  far.events.is_full = false;
  far.now.steady = *far.forwarder->next_timeout();
  far.forwarder->on_timeout(far.now);
  ASSERT_EQ(far.events.events.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<KeypairConfirmed>(far.events.events[0]));
  EXPECT_TRUE(std::holds_alternative<KeypairDropped>(far.events.events[1]));
  EXPECT_FALSE(far.forwarder->next_timeout());
}

// ---- roaming ----

TEST_F(ForwarderReceive, AMovedWireGuardPeerIsReportedOncePerChange) {
  far.add_peer(session::PeerKind::wireguard);
  far.receive(sealed({}), "192.0.2.1:1000");
  EXPECT_TRUE(far.events.of<PeerMoved>().empty());
  far.receive(sealed({}), "203.0.113.9:9");
  far.receive(sealed({}), "203.0.113.9:9");
  ASSERT_EQ(far.events.of<PeerMoved>().size(), 1u);
  EXPECT_EQ(far.events.of<PeerMoved>()[0].remote, endpoint("203.0.113.9:9"));
  far.set_path("203.0.113.9:9");
  far.receive(sealed({}), "203.0.113.9:9");
  EXPECT_EQ(far.events.of<PeerMoved>().size(), 1u);
  far.receive(sealed({}), "192.0.2.1:1000");
  EXPECT_EQ(far.events.of<PeerMoved>().size(), 2u);
}

TEST_F(ForwarderReceive, TheFirstAnswerAlreadyGoesWhereTheWireGuardPeerMoved) {
  far.add_peer(session::PeerKind::wireguard);
  far.receive(sealed({}), "192.0.2.1:1000");
  far.events.is_full = true;
  far.receive(sealed({}), "203.0.113.9:9");
  far.send(build({.source = "10.10.0.102", .destination = "10.10.0.101"}));
  ASSERT_EQ(far.carrier->sent.size(), 1u);
  EXPECT_EQ(far.carrier->sent[0].to, endpoint("203.0.113.9:9"));
  EXPECT_TRUE(far.events.of<PeerMoved>().empty());
  far.events.is_full = false;
  far.receive(sealed({}), "203.0.113.9:9");
  EXPECT_EQ(far.events.of<PeerMoved>().size(), 1u) << "control is told as soon as it listens";
}

TEST_F(ForwarderReceive, AReplayFromElsewhereMovesNobody) {
  far.add_peer(session::PeerKind::wireguard);
  const Bytes message = sealed({});
  far.receive(message, "192.0.2.1:1000");
  far.receive(message, "203.0.113.9:9");
  EXPECT_TRUE(far.events.of<PeerMoved>().empty());
}

TEST_F(ForwarderReceive, ACausewayPeerMayUseAnyPath) {
  far.receive(sealed(good), "203.0.113.9:9");
  EXPECT_EQ(far.tun.written.size(), 1u);
  EXPECT_TRUE(far.events.of<PeerMoved>().empty());
}

// ---- inner packets ----

TEST_F(ForwarderReceive, InnerLengthsThatLieAreDropped) {
  Bytes packet = good;
  packet[2] = 0x10;  // longer than the plaintext
  far.receive(sealed(packet));
  packet = good;
  packet[0] = 0x4f;  // header longer than the packet says
  packet[2] = 0, packet[3] = 30;
  far.receive(sealed(packet));
  far.receive(sealed(Bytes(1, 0x45)));
  far.receive(sealed(Bytes(64, 0x00)));
  EXPECT_EQ(far.dropped(DropReason::inner_malformed), 4u);
  EXPECT_TRUE(far.tun.written.empty());
}

TEST_F(ForwarderReceive, SpoofedSourcesAreDropped) {
  for (const char* source : {"10.10.0.103", "10.10.0.102", "127.0.0.1", "8.8.8.8"}) {
    far.receive(sealed(build({.source = source})));
  }
  far.receive(sealed(build({.source = "fd00::102", .destination = "fd00::102"})));
  EXPECT_EQ(far.dropped(DropReason::source_not_allowed), 5u);
  EXPECT_TRUE(far.tun.written.empty());
}

TEST_F(ForwarderReceive, TheLongestPrefixDecidesWhoseASourceIs) {
  far.route({{prefix("10.10.0.0/24"), kPeer}, {prefix("10.10.0.101/32"), PeerId{8}}});
  far.receive(sealed(good));  // 10.10.0.101 is somebody else's
  EXPECT_EQ(far.dropped(DropReason::source_not_allowed), 1u);
  far.receive(sealed(build({.source = "10.10.0.77"})));
  EXPECT_EQ(far.tun.written.size(), 1u);
}

TEST_F(ForwarderReceive, OtherDestinationsAreDropped) {
  for (const char* destination : {"10.10.0.101", "10.10.0.255", "224.0.0.1", "127.0.0.1"}) {
    far.receive(sealed(build({.destination = destination})));
  }
  EXPECT_EQ(far.dropped(DropReason::destination_not_ours), 4u);
}

TEST_F(ForwarderReceive, OptionsAndFragmentsPassAsTheyAre) {
  Bytes options = good;
  options.insert(options.begin() + 20, 4, 0x01);
  options[0] = 0x46;
  options[3] = static_cast<std::uint8_t>(options.size());
  Bytes fragment = good;
  fragment[6] = 0x20;
  for (const Bytes& packet : {options, fragment}) {
    far.tun.written.clear();
    far.receive(sealed(packet));
    ASSERT_EQ(far.tun.written.size(), 1u);
    EXPECT_EQ(far.tun.written[0].packet, packet);
  }
}

TEST_F(ForwarderReceive, SurvivesRandomDatagramsAndRandomInnerPackets) {
  SeededRandom random(11);
  for (int round = 0; round < 5000; ++round) {
    Bytes bytes(random.below(200));
    random.fill(bytes);
    if (bytes.size() > 8 && round % 2) {
      bytes[0] = static_cast<std::uint8_t>(random.below(5)), bytes[1] = bytes[2] = bytes[3] = 0;
      if (round % 4 == 1) std::copy_n(sealed({}).begin() + 4, 4, bytes.begin() + 4);
    }
    far.receive(bytes, "192.0.2.1:1000", static_cast<std::uint16_t>(random.below(64)));
    Bytes inner = build({.tcp = random.below(2) == 0, .payload = Bytes(random.below(100), 1)});
    for (int changes = 0; changes < 4; ++changes)
      inner[random.below(inner.size())] ^= static_cast<std::uint8_t>(random.next_u32());
    far.receive(sealed(inner));
  }
  EXPECT_GT(far.counters->rx_packets, 4999u);
}

}  // namespace
}  // namespace causeway::dataplane
