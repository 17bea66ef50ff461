#include "forwarder_fixture.hpp"

namespace causeway::dataplane {
namespace {

struct ForwarderSend : TwoNodes {
  void SetUp() override { connect(); }
};

Bytes random_payload(std::size_t bytes) {
  Bytes payload(bytes);
  SeededRandom(bytes).fill(payload);
  return payload;
}

TEST_F(ForwarderSend, SealsForThePeerThatHasTheDestination) {
  near.send(build({.payload = Bytes(100, 1)}));
  ASSERT_EQ(near.carrier->sent.size(), 1u);
  EXPECT_EQ(near.carrier->sent[0].to, endpoint("192.0.2.2:2000"));
  EXPECT_EQ(near.carrier->sent[0].bytes.size(), session::Keypair::sealed_bytes(140));
  EXPECT_EQ(to_hex(ByteView{near.carrier->sent[0].bytes}.first(8)), "0400000022222222");
  EXPECT_EQ(near.dropped_in_all(), 0u);
}

TEST_F(ForwarderSend, ASuperFrameLeavesInFullBatches) {
  const PacketSpec spec{.payload = random_payload(64000)};
  near.tun.put(build_super_frame(spec, 1400));  // 46 segments of 1440, sealed 1472
  near.forwarder->on_tun_readable(near.now);
  ASSERT_EQ(near.carrier->sent.size(), 2u);
  EXPECT_EQ(near.carrier->sent[0].segments(), 44u);  // 44 x 1472 <= 65,507
  EXPECT_EQ(near.carrier->sent[0].segment_bytes, 1472);
  EXPECT_EQ(near.carrier->sent[1].segments(), 2u);
}

TEST_F(ForwarderSend, ABatchEndsAfterAShorterAndBeforeALongerDatagram) {
  for (const std::size_t bytes : {1000u, 1000u, 500u, 1000u, 1200u})
    near.tun.put(build({.payload = Bytes(bytes, 1)}));
  near.forwarder->on_tun_readable(near.now);
  std::vector<std::size_t> segments;
  for (const auto& batch : near.carrier->sent)
    segments.push_back(batch.segments());
  EXPECT_EQ(segments, (std::vector<std::size_t>{3, 1, 1}));
}

TEST_F(ForwarderSend, ABatchEndsAt64Segments) {
  for (int i = 0; i < 64; ++i)
    near.tun.put(build({.tcp = false, .payload = Bytes(64, 1)}));
  EXPECT_EQ(near.forwarder->on_tun_readable(near.now), Forwarder::TunState::more);
  near.tun.put(build({}));
  EXPECT_EQ(near.forwarder->on_tun_readable(near.now), Forwarder::TunState::drained);
  ASSERT_EQ(near.carrier->sent.size(), 2u);
  EXPECT_EQ(near.carrier->sent[0].segments(), 64u);
}

TEST_F(ForwarderSend, SaysWhenTheTunIsGone) {
  near.tun.close();
  EXPECT_EQ(near.forwarder->on_tun_readable(near.now), Forwarder::TunState::closed);
}

TEST_F(ForwarderSend, CountsWhatItSends) {
  near.send(build({.payload = Bytes(100, 1)}));
  near.pass(1s);
  near.tell(SendPeerKeepalive{kPeer});
  EXPECT_EQ(near.counters->tx_packets, 2u);
  EXPECT_EQ(near.counters->tx_bytes, session::Keypair::sealed_bytes(140) + 32);
  const auto traffic = near.counters->take_snapshot();
  EXPECT_EQ(traffic.anything_sent, near.now.steady);
  EXPECT_EQ(traffic.data_sent, near.now.steady - 1s);
  EXPECT_FALSE(traffic.data_received);
  EXPECT_FALSE(traffic.wants_rekey);
}

TEST_F(ForwarderSend, AsksForARekeyWhenTheKeypairAges) {
  near.pass(121s);
  near.send(build({}));
  EXPECT_TRUE(near.counters->take_snapshot().wants_rekey);
  EXPECT_FALSE(near.counters->take_snapshot().wants_rekey);  // taken
}

TEST_F(ForwarderSend, AnExpiredKeypairMeansWaiting) {
  near.pass(181s);
  near.send(build({}));
  EXPECT_TRUE(near.carrier->sent.empty());
  EXPECT_EQ(near.events.of<SessionWanted>().size(), 1u);
}

// ---- size ----

TEST_F(ForwarderSend, ExactlyWhatFitsThePathIsSent) {
  near.send(build({.payload = Bytes(1400, 1)}));  // 1440 + 60 = 1500
  EXPECT_EQ(near.carrier->datagrams(), 1u);
  near.send(build({.payload = Bytes(1401, 1)}));
  EXPECT_EQ(near.carrier->datagrams(), 1u);
  EXPECT_EQ(near.dropped(DropReason::too_big), 1u);
}

TEST_F(ForwarderSend, ADatagramNeverExceedsThePathOverIpv6Either) {
  near.set_path("[2001:db8::2]:2000", 1500);
  for (std::size_t payload = 1300; payload < 1500; ++payload)
    near.send(build({.payload = Bytes(payload, 1)}));
  std::size_t largest = 0;
  for (const auto& batch : near.carrier->sent)
    largest = std::max<std::size_t>(largest, batch.segment_bytes);
  EXPECT_LE(largest + 48, 1500u);
  EXPECT_GT(largest + 48, 1500u - 16);
}

TEST_F(ForwarderSend, TooBigWithDfTellsTheSender) {
  near.send(build({.payload = Bytes(1500, 1)}));
  ASSERT_EQ(near.tun.written.size(), 1u);
  const Bytes& icmp = near.tun.written[0].packet;
  EXPECT_EQ(to_hex(ByteView{icmp}.subspan(20, 2)), "0304");
  EXPECT_EQ(packet::load_be16(icmp.data() + 26), 1440);
}

TEST_F(ForwarderSend, TooBigIpv6TellsTheSender) {
  near.send(build({.source = "fd00::101", .destination = "fd00::102", .payload = Bytes(1500, 1)}));
  ASSERT_EQ(near.tun.written.size(), 1u);
  EXPECT_EQ(near.tun.written[0].packet[40], 2);
  EXPECT_EQ(packet::load_be32(near.tun.written[0].packet.data() + 44), 1440u);
}

TEST_F(ForwarderSend, TooBigWithoutDfGoesInFragments) {
  const Bytes packet =
      build({.tcp = false, .id = 5, .dont_fragment = false, .payload = random_payload(1700)});
  near.send(packet);
  EXPECT_EQ(near.carrier->datagrams(), 2u);
  EXPECT_EQ(near.dropped(DropReason::too_big), 0u);
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 2u);
  Bytes payload;
  for (const auto& frame : far.tun.written) {
    EXPECT_LE(frame.packet.size(), 1440u);
    payload.insert(payload.end(), frame.packet.begin() + 20, frame.packet.end());
  }
  EXPECT_EQ(payload, Bytes(packet.begin() + 20, packet.end()));
}

TEST_F(ForwarderSend, ARefusalNeverRaisesTheMtu) {
  near.set_path("198.51.100.2:2000", 400);  // less than the lowest size that is tried by itself
  near.carrier->most_datagram_bytes = 100;
  near.send(build({.payload = Bytes(200, 1)}));
  EXPECT_EQ(near.dropped(DropReason::too_big), 1u);
  near.send(build({.payload = Bytes(450, 1)}));
  ASSERT_EQ(near.tun.written.size(), 1u);
  EXPECT_EQ(packet::load_be16(near.tun.written[0].packet.data() + 26), 340);
}

TEST_F(ForwarderSend, TheKernelsSmallerMtuIsLearntAndOthersInTheBatchStillGo) {
  near.carrier->most_datagram_bytes = 1400;
  near.tun.put(build({.payload = Bytes(1400, 1)}));
  near.tun.put(build({.payload = Bytes(1000, 1)}));
  near.forwarder->on_tun_readable(near.now);
  EXPECT_EQ(near.dropped(DropReason::too_big), 1u);
  EXPECT_EQ(near.carrier->datagrams(), 1u);
  EXPECT_TRUE(near.tun.written.empty());
  near.send(build({.payload = Bytes(1400, 1)}));  // the next one hears of it
  ASSERT_EQ(near.tun.written.size(), 1u);
  EXPECT_LT(packet::load_be16(near.tun.written[0].packet.data() + 26), 1440);
  EXPECT_EQ(near.events.of<SizeRefused>().size(), 1u) << "control is to find out what fits";
  EXPECT_TRUE(near.events.of<PathFailed>().empty());
}

// ---- waiting ----

TEST_F(ForwarderSend, WaitsForAPathAndGoesOutInOrder) {
  near.tell(SetPath{kPeer, std::nullopt});
  for (std::uint8_t i = 1; i <= 5; ++i)
    near.send(build({.source_port = i, .payload = Bytes(50, i)}));
  EXPECT_TRUE(near.carrier->sent.empty());
  near.set_path("192.0.2.2:2000");
  EXPECT_EQ(near.carrier->datagrams(), 5u);
  hand_over(near, far);
  ASSERT_EQ(far.tun.written.size(), 5u);
  for (std::uint8_t i = 0; i < 5; ++i) {
    EXPECT_EQ(far.tun.written[i].packet, build({.source_port = static_cast<std::uint16_t>(i + 1),
                                                .payload = Bytes(50, static_cast<std::uint8_t>(i + 1))}));
  }
}

TEST_F(ForwarderSend, WaitsForAKeypair) {
  near.tell(ErasePeerKeypairs{kPeer});
  near.send(build({}));
  EXPECT_TRUE(near.carrier->sent.empty());
  near.tell(InstallPeerKeypair{kPeer, keys.initiator});
  EXPECT_EQ(near.carrier->datagrams(), 1u);
}

TEST_F(ForwarderSend, WaitsForTheBaseOfItsPath) {
  near.tell(RemoveBase{kBase});
  near.send(build({}));
  EXPECT_TRUE(near.carrier->sent.empty());
  near.tell(AddBase{kBase, near.carrier});
  EXPECT_EQ(near.carrier->datagrams(), 1u);
}

TEST_F(ForwarderSend, SaysSessionWantedOncePerSecond) {
  near.tell(SetPath{kPeer, std::nullopt});
  for (int i = 0; i < 10; ++i)
    near.send(build({}));
  EXPECT_EQ(near.events.of<SessionWanted>().size(), 1u);
  near.pass(1s);
  near.send(build({}));
  EXPECT_EQ(near.events.of<SessionWanted>().size(), 2u);
}

TEST_F(ForwarderSend, WhatCouldNotBeSaidIsSaidWithTheNextPacket) {
  near.tell(SetPath{kPeer, std::nullopt});
  near.events.is_full = true;
  near.send(build({}));
  near.events.is_full = false;
  near.send(build({}));
  EXPECT_EQ(near.events.of<SessionWanted>().size(), 1u);
  EXPECT_EQ(near.forwarder->events_refused(), 1u);
}

TEST_F(ForwarderSend, AnUnknownDestinationIsAskedForOncePerSecond) {
  for (int i = 0; i < 5; ++i)
    near.send(build({.destination = "10.10.0.150"}));
  near.send(build({.destination = "10.10.0.151"}));
  auto wanted = near.events.of<PeerWanted>();
  ASSERT_EQ(wanted.size(), 2u);
  EXPECT_EQ(wanted[0].destination, address("10.10.0.150"));
  near.pass(1s);
  near.send(build({.destination = "10.10.0.150"}));
  EXPECT_EQ(near.events.of<PeerWanted>().size(), 3u);
}

TEST_F(ForwarderSend, WhatWaitsMovesToThePeerThatAppears) {
  near.send(build({.destination = "10.10.0.150", .payload = Bytes(10, 1)}));
  near.send(build({.destination = "10.10.0.150", .payload = Bytes(90, 2)}));
  near.route({{prefix("10.10.0.150/32"), kPeer}});
  ASSERT_EQ(near.carrier->sent.size(), 2u);
  EXPECT_EQ(near.carrier->sent[0].bytes.size(), session::Keypair::sealed_bytes(50));
  EXPECT_EQ(near.carrier->sent[1].bytes.size(), session::Keypair::sealed_bytes(130));
}

TEST_F(ForwarderSend, ARouteMayComeBeforeItsPeer) {
  const PeerId late{9};
  near.route({{prefix("10.10.0.150/32"), late}});
  near.send(build({.destination = "10.10.0.150"}));
  near.tell(AddPeer{late, session::PeerKind::causeway, std::make_shared<PeerCounters>()});
  ASSERT_EQ(near.events.of<SessionWanted>().size(), 1u);
  EXPECT_EQ(near.events.of<SessionWanted>()[0].peer, late);
}

TEST_F(ForwarderSend, AnAddressThatChangedHandsMeanwhileGetsNothing) {
  near.tell(SetPath{kPeer, std::nullopt});
  near.send(build({}));
  near.route({{prefix("10.10.0.102/32"), PeerId{8}}});
  near.set_path("192.0.2.2:2000");
  EXPECT_TRUE(near.carrier->sent.empty());
  EXPECT_EQ(near.dropped(DropReason::no_path), 1u);
}

TEST_F(ForwarderSend, ARefusedDestinationIsToldToTheSender) {
  near.send(build({.destination = "10.10.0.150"}));
  near.send(build({.destination = "10.10.0.151"}));
  near.tell(RefuseDestination{address("10.10.0.150")});
  EXPECT_EQ(near.dropped(DropReason::no_such_peer), 1u);
  ASSERT_EQ(near.tun.written.size(), 1u);
  EXPECT_EQ(to_hex(ByteView{near.tun.written[0].packet}.subspan(20, 2)), "0301");
  near.send(build({.destination = "10.10.0.150"}));
  EXPECT_EQ(near.events.of<PeerWanted>().size(), 2u);  // not again within the second
}

TEST_F(ForwarderSend, ARefusedPeerLosesItsWaitingPackets) {
  near.tell(SetPath{kPeer, std::nullopt});
  near.send(build({}));
  near.tell(RefuseDestination{address("10.10.0.102")});
  EXPECT_EQ(near.dropped(DropReason::no_path), 1u);
  EXPECT_EQ(near.tun.written.size(), 1u);
}

TEST_F(ForwarderSend, WaitingEndsAfter15Seconds) {
  EXPECT_FALSE(near.forwarder->next_timeout());
  near.tell(SetPath{kPeer, std::nullopt});
  near.send(build({}));
  near.pass(5s);
  near.send(build({.destination = "10.10.0.150"}));
  EXPECT_EQ(near.forwarder->next_timeout(), near.now.steady + 10s);
  near.pass(10s);
  near.forwarder->on_timeout(near.now);
  EXPECT_EQ(near.dropped(DropReason::stage_expired), 1u);
  EXPECT_EQ(near.forwarder->next_timeout(), near.now.steady + 5s);
  near.pass(5s);
  near.forwarder->on_timeout(near.now);
  EXPECT_EQ(near.dropped(DropReason::stage_expired), 2u);
  EXPECT_FALSE(near.forwarder->next_timeout());
}

TEST_F(ForwarderSend, SurvivesRandomFrames) {
  SeededRandom random(14);
  for (int round = 0; round < 5000; ++round) {
    PacketSpec spec{.tcp = random.below(2) == 0,
                    .dont_fragment = random.below(2) == 0,
                    .payload = Bytes(random.below(5000), 1)};
    auto frame = build_super_frame(spec, static_cast<std::uint16_t>(random.below(3000)));
    for (std::uint64_t changes = random.below(4); changes > 0; --changes) {
      frame.packet[random.below(40)] ^= static_cast<std::uint8_t>(random.next_u32());
    }
    if (random.below(3) == 0) frame.packet.resize(1 + random.below(frame.packet.size()));
    if (random.below(3) == 0)
      random.fill({reinterpret_cast<std::uint8_t*>(&frame.header), sizeof frame.header});
    near.tun.put(std::move(frame));
    near.forwarder->on_tun_readable(near.now);
  }
  for (const auto& batch : near.carrier->sent) {
    EXPECT_LE(batch.segment_bytes, 1472);
    EXPECT_LE(batch.segments(), 64u);
    EXPECT_LE(batch.bytes.size(), 65507u);
  }
  EXPECT_GT(near.carrier->datagrams(), 1000u);
  EXPECT_GT(near.dropped(DropReason::tun_malformed), 100u);
}

// ---- failures of the real NIC ----

TEST_F(ForwarderSend, AFailedPathIsSaidOncePerSecond) {
  near.carrier->outcome = {SendStatus::unreachable, 101, 0};
  for (int i = 0; i < 3; ++i)
    near.send(build({}));
  ASSERT_EQ(near.events.of<PathFailed>().size(), 1u);
  const auto failed = near.events.of<PathFailed>()[0];
  EXPECT_EQ(failed.path.remote, endpoint("192.0.2.2:2000"));
  EXPECT_EQ(failed.status, SendStatus::unreachable);
  EXPECT_EQ(failed.error, 101);
  EXPECT_EQ(near.dropped(DropReason::send_failed), 3u);
  EXPECT_EQ(near.counters->tx_packets, 0u);
  near.pass(1s);
  near.send(build({}));
  EXPECT_EQ(near.events.of<PathFailed>().size(), 2u);
}

TEST_F(ForwarderSend, ANewPathMayFailAtOnce) {
  near.carrier->outcome = {SendStatus::failed, 1, 0};
  near.send(build({}));
  near.set_path("192.0.2.3:2000");
  near.send(build({}));
  ASSERT_EQ(near.events.of<PathFailed>().size(), 2u);
  EXPECT_EQ(near.events.of<PathFailed>()[1].path.remote, endpoint("192.0.2.3:2000"));
}

TEST_F(ForwarderSend, APartlySentBatchCountsBoth) {
  near.carrier->outcome = {SendStatus::would_block, 11, 1};
  for (int i = 0; i < 3; ++i)
    near.tun.put(build({.payload = Bytes(100, 1)}));
  near.forwarder->on_tun_readable(near.now);
  EXPECT_EQ(near.dropped(DropReason::send_would_block), 2u);
  EXPECT_EQ(near.counters->tx_packets, 1u);
  EXPECT_EQ(near.counters->tx_bytes, session::Keypair::sealed_bytes(140));
}

}  // namespace
}  // namespace causeway::dataplane
