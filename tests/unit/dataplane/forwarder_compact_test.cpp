#include "forwarder_fixture.hpp"
#include "packet/checksum.hpp"
#include "packet/ecn.hpp"

namespace causeway::dataplane {
namespace {

using session::kCompactOverheadBytes;

struct Compact : TwoNodes {
  Compact() { use_compact(crypto::AeadAlgorithm::aes_256_gcm); }
  /// Both ends have heard each other.
  void establish() {
    connect();
    near.tell(SendPeerKeepalive{kPeer});
    hand_over(near, far);
    far.tell(SendPeerKeepalive{kPeer});
    hand_over(far, near, "192.0.2.2:2000");
    near.tun.written.clear(), far.tun.written.clear();
  }
  std::size_t wire_bytes(Bytes packet) {
    near.send(std::move(packet));
    const auto& sent = near.carrier->sent;
    EXPECT_EQ(sent.size(), 1u);
    const std::size_t bytes = sent.at(0).bytes.size() + 28;
    hand_over(near, far);
    return bytes;
  }
};

TEST_F(Compact, AFullTcpSegmentCosts33BytesMoreThanWithoutUs) {
  establish();
  // 32 bytes of TCP header, as with timestamps
  const PacketSpec spec{.tcp_options = Bytes(12, 1), .payload = Bytes(1415, 1)};
  EXPECT_EQ(wire_bytes(build(spec)), 1467u + 33u);
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet, build(spec));
}

TEST_F(Compact, MessagesLookAsDescribed) {
  establish();
  near.send(build({.tcp = false, .payload = Bytes(64, 1)}));
  const Bytes message = take_datagram(near);
  EXPECT_EQ(message.size(), kCompactOverheadBytes + 1 + 8 + 64);
  EXPECT_EQ(to_hex(ByteView{message}.first(8)), "8022222201000000") << "the second after the keepalive";
}

TEST_F(Compact, AKeepaliveConfirmsTheKeypair) {
  connect();
  near.tell(SendPeerKeepalive{kPeer});
  EXPECT_EQ(near.carrier->sent.at(0).bytes.size(), kCompactOverheadBytes);
  hand_over(near, far);
  EXPECT_EQ(far.events.of<KeypairConfirmed>().size(), 1u);
}

TEST_F(Compact, WhoHearsType4AnswersInType4) {
  establish();
  far.receive(sealed({}));
  far.send(build({.source = "10.10.0.102", .destination = "10.10.0.101"}));
  EXPECT_EQ(far.carrier->sent.at(0).bytes[0], 4);
  far.receive(sealed_compact({}));
  far.carrier->sent.clear();
  forger.reset();
}

TEST_F(Compact, OtherBitsOfTheFirstByteAreDropped) {
  establish();
  Bytes message = sealed_compact({});
  for (int first = 0x81; first <= 0xff; ++first) {
    message[0] = static_cast<std::uint8_t>(first);
    far.receive(message);
  }
  EXPECT_EQ(far.dropped(DropReason::message_malformed), 127u);
}

TEST_F(Compact, HostileMessagesAreCountedAndChangeNothing) {
  establish();
  forger = std::make_unique<session::Keypair>(keys.initiator);
  for (int i = 0; i < 10; ++i)
    sealed_compact({});  // past what `near` has sent
  const Bytes good = sealed_compact({0x0c});
  for (std::size_t length = 0; length < good.size(); ++length)
    far.receive(ByteView{good}.first(length));
  for (std::size_t bit = 8; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    far.receive(bad);
  }
  EXPECT_TRUE(far.tun.written.empty());
  EXPECT_EQ(far.dropped(DropReason::inner_malformed), 0u);
  far.receive(good);
  EXPECT_EQ(far.dropped(DropReason::inner_malformed), 1u) << "authentic, and a lie";
  far.receive(good);
  EXPECT_EQ(far.dropped(DropReason::replayed), 1u);
}

TEST_F(Compact, TheIngressRuleHoldsForWholePacketsAndLeftOutAddresses) {
  establish();
  forger = std::make_unique<session::Keypair>(keys.initiator);
  sealed_compact({});
  Bytes whole = build({.source = "10.10.0.109"});
  whole.insert(whole.begin(), packet::kCompactWhole);
  far.receive(sealed_compact(whole));
  EXPECT_EQ(far.dropped(DropReason::source_not_allowed), 1u);
  far.route({});  // the address is nobody's any more
  Bytes elided{0x0c};
  elided.resize(21);
  far.receive(sealed_compact(elided));
  EXPECT_EQ(far.dropped(DropReason::source_not_allowed), 2u);
  EXPECT_TRUE(far.tun.written.empty());
}

TEST_F(Compact, TooBigForThePathGoesInTwoPiecesWithoutDf) {
  establish();
  near.set_path("192.0.2.2:2000", 1000);
  const Bytes packet = build({.tcp = false, .id = 77, .dont_fragment = false, .payload = Bytes(1400, 3)});
  near.send(packet);
  std::size_t longest = 0;
  std::size_t messages = 0;
  for (const auto& batch : near.carrier->sent)
    longest = std::max<std::size_t>(longest, batch.segment_bytes), messages += batch.segments();
  EXPECT_EQ(messages, 2u);
  EXPECT_LE(longest, 1000u - 28);
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet, packet);
}

TEST_F(Compact, WhatTwoPiecesDoNotHoldIsFragmented) {
  establish();
  near.set_path("192.0.2.2:2000", 576);
  near.send(build({.tcp = false, .dont_fragment = false, .payload = Bytes(1400, 3)}));
  EXPECT_GT(near.carrier->datagrams(), 2u);
  hand_over(near, far);
  EXPECT_GT(far.tun.written.size(), 2u);
  for (const auto& frame : far.tun.written)
    EXPECT_TRUE(packet::IpView::parse(frame.packet)->is_fragment);
}

TEST_F(Compact, APieceWithinAPieceIsNoPacket) {
  establish();
  forger = std::make_unique<session::Keypair>(keys.initiator);
  sealed_compact({});
  far.receive(sealed_compact({packet::kCompactFirstPiece, packet::kCompactFirstPiece}));
  far.receive(sealed_compact({packet::kCompactSecondPiece, 1, 2, 3}));
  EXPECT_EQ(far.dropped(DropReason::inner_malformed), 1u);
  far.receive(sealed_compact({packet::kCompactFirstPiece}));
  far.receive(sealed_compact({packet::kCompactSecondPiece}));
  EXPECT_EQ(far.dropped(DropReason::inner_malformed), 2u);
}

TEST_F(Compact, WithDfTheSenderLearnsWhatFits) {
  establish();
  near.set_path("192.0.2.2:2000", 1400);
  near.send(build({.payload = Bytes(1400, 3)}));
  EXPECT_EQ(near.dropped(DropReason::too_big), 1u);
  ASSERT_EQ(near.tun.written.size(), 1u);
  const std::uint16_t mtu = packet::load_be16(near.tun.written[0].packet.data() + 26);
  EXPECT_EQ(mtu, 1367);
  near.send(build({.payload = Bytes(mtu - 40u, 3)}));
  EXPECT_EQ(near.carrier->datagrams(), 1u);
  EXPECT_EQ(near.carrier->sent[0].bytes.size() + 28, 1400u) << "the true figure";
  near.carrier->sent.clear();
  // One byte less for a packet whose TOS has to be said.
  near.send(build({.tos = 0x10, .payload = Bytes(mtu - 40u, 3)}));
  ASSERT_EQ(near.tun.written.size(), 2u);
  EXPECT_EQ(packet::load_be16(near.tun.written[1].packet.data() + 26), 1366);
}

TEST_F(Compact, SynSegmentsAnnounceWhatFitsThePath) {
  establish();
  near.set_path("192.0.2.2:2000", 1400);
  near.send(build({.tcp_flags = 2, .tcp_options = {2, 4, 0x05, 0x93}}));
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(packet::load_be16(far.tun.written[0].packet.data() + 42), 1367 - 40);
  EXPECT_TRUE(packet::is_l4_checksum_right(*packet::IpView::parse(far.tun.written[0].packet)));
}

TEST_F(Compact, CongestionMarksGoInAndComeOut) {
  establish();
  near.send(build({.tos = 0x02, .payload = Bytes(10, 1)}));
  near.send(build({.payload = Bytes(10, 1)}));
  ASSERT_EQ(near.carrier->sent.size(), 2u) << "datagrams of different marks do not leave together";
  EXPECT_EQ(near.carrier->sent[0].ecn, 2);
  EXPECT_EQ(near.carrier->sent[1].ecn, 0);
  for (auto& sent : std::exchange(near.carrier->sent, {})) {
    far.forwarder->on_received(
        {kBase, endpoint("192.0.2.1:1000"), sent.bytes, sent.segment_bytes, packet::kCongestionExperienced},
        far.now);
    far.forwarder->flush(far.now);
  }
  ASSERT_EQ(far.tun.written.size(), 1u);
  EXPECT_EQ(far.tun.written[0].packet, build({.tos = 0x03, .payload = Bytes(10, 1)}));
  EXPECT_EQ(far.dropped(DropReason::congestion), 1u);
}

TEST_F(Compact, ChecksumsAreCompletedForATunThatCannot) {
  far.tun.kernel = {};
  far.forwarder = std::make_unique<Forwarder>(far.tun, far.events, far.drops);
  establish();
  const PacketSpec spec{.payload = Bytes(5000, 7)};
  near.tun.put(build_super_frame(spec, 1400));
  near.forwarder->on_tun_readable(near.now);
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 4u);
  const auto segments = naive_segments(spec, 1400);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Bytes expected = segments[i];
    packet::store_be16(expected.data() + 4, 0);
    packet::write_ipv4_checksum(expected.data(), 20);
    EXPECT_EQ(far.tun.written[i].packet, expected);
    EXPECT_EQ(far.tun.written[i].header.flags, 0);
  }
}

TEST_F(Compact, StagedPacketsGoCompactToo) {
  near.tell(AddBase{kBase, near.carrier});
  near.add_peer();
  near.route({{prefix("10.10.0.102/32"), kPeer}, {prefix("10.10.9.0/24"), kPeer}});
  near.set_path("192.0.2.2:2000");
  near.send(build({.payload = Bytes(100, 1)}));
  near.send(build({.destination = "10.10.9.1", .payload = Bytes(100, 2)}));
  install(near);
  EXPECT_EQ(near.carrier->datagrams(), 2u);
  EXPECT_EQ(near.carrier->sent.at(0).bytes[0], session::kCompactType);
}

}  // namespace
}  // namespace causeway::dataplane
