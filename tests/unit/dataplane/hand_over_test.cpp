#include "forwarder_fixture.hpp"
#include "support/fake_handover.hpp"

namespace causeway::dataplane {
namespace {

using causeway::testing::FakeHandover;

/// Two loops of one node, 10.10.0.101: the first reads and receives, the second owns kPeer, 10.10.0.102. What
/// the first hands over stays in `handover` until give_on().
struct TwoLoops : ::testing::Test {
  static constexpr unsigned kFirst = 0, kSecond = 1, kLoops = 3;
  static constexpr std::uint32_t kOwnIndex = 0x11111101, kFarIndex = 0x22222222;
  static_assert((kOwnIndex & 3) == kSecond);

  FakeHandover handover{kFirst, kLoops}, back{kSecond, kLoops};
  Node first{"10.10.0.101"}, second{"10.10.0.101"};
  KeypairPair keys = make_keypairs(kOwnIndex, kFarIndex, first.now.steady);
  session::Keypair far{keys.responder};
  const Bytes good = build({.payload = Bytes(100, 1)});

  void SetUp() override {
    first.forwarder =
        std::make_unique<Forwarder>(first.tun, first.events, first.drops, Forwarder::Options{}, &handover);
    second.forwarder =
        std::make_unique<Forwarder>(second.tun, second.events, second.drops, Forwarder::Options{}, &back);
    for (Node* node : {&first, &second})
      node->tell(AddBase{kBase, node->carrier});
  }
  void route_both() {
    for (Node* node : {&first, &second})
      node->route({{prefix("10.10.0.102/32"), kPeer, kSecond}, {prefix("fd00::102/128"), kPeer, kSecond}});
  }
  void connect_second() {
    second.add_peer();
    second.set_path("192.0.2.2:2000");
    second.tell(InstallPeerKeypair{kPeer, keys.initiator});
  }
  void connect() {
    connect_second();
    route_both();
  }
  void give_on() {
    for (auto& frame : std::exchange(handover.frames, {}))
      second.forwarder->on_foreign_frame(frame.header, frame.bytes, second.now);
    for (auto& datagram : std::exchange(handover.datagrams, {})) {
      datagram.origin.bytes = datagram.bytes;
      second.forwarder->on_received(datagram.origin, second.now);
    }
    second.forwarder->flush(second.now);
  }
  Bytes sealed(const Bytes& packet) {
    Bytes message(session::Keypair::sealed_bytes(packet.size()));
    message.resize(far.seal(packet, message));
    return message;
  }
  std::uint64_t dropped_in_all() const { return first.dropped_in_all() + second.dropped_in_all(); }
};

// ---- frames ----

TEST_F(TwoLoops, a_frame_goes_to_the_loop_of_its_peer_as_it_was_read) {
  connect();
  const PacketSpec spec{.payload = Bytes(9000, 7)};
  auto frame = build_super_frame(spec, 1000);
  first.tun.put(frame);
  first.forwarder->on_tun_readable(first.now);
  ASSERT_EQ(handover.frames.size(), 1u);
  EXPECT_EQ(handover.frames[0].to, kSecond);
  EXPECT_EQ(handover.frames[0].header.gso_bytes, frame.header.gso_bytes);
  EXPECT_EQ(handover.frames[0].bytes, frame.packet);
  EXPECT_TRUE(first.carrier->sent.empty());

  give_on();
  EXPECT_EQ(second.carrier->datagrams(), 9u);
  EXPECT_EQ(dropped_in_all(), 0u);
}

TEST_F(TwoLoops, a_frame_for_an_own_peer_stays) {
  connect();
  second.send(good);
  EXPECT_EQ(second.carrier->datagrams(), 1u);
  EXPECT_TRUE(back.frames.empty());
}

TEST_F(TwoLoops, a_frame_that_was_handed_over_waits_for_its_session_there) {
  second.add_peer();
  route_both();
  first.send(good);
  give_on();
  ASSERT_EQ(second.events.of<SessionWanted>().size(), 1u);
  EXPECT_TRUE(first.events.events.empty());
  second.set_path("192.0.2.2:2000");
  second.tell(InstallPeerKeypair{kPeer, keys.initiator});
  EXPECT_EQ(second.carrier->datagrams(), 1u);
}

TEST_F(TwoLoops, a_full_queue_is_a_counted_loss_of_every_packet_in_the_frame) {
  connect();
  handover.most_frames = 0;
  first.tun.put(build_super_frame({.payload = Bytes(9000, 7)}, 1000));
  first.forwarder->on_tun_readable(first.now);
  EXPECT_EQ(first.dropped(DropReason::loop_queue_full), 9u);
  EXPECT_EQ(dropped_in_all(), 9u);
}

TEST_F(TwoLoops, a_frame_never_goes_round) {
  connect();
  // The second loop is told first that the address is now a peer of the third.
  second.route({{prefix("10.10.0.102/32"), PeerId{55}, 2}});
  first.send(good);
  give_on();
  EXPECT_TRUE(back.frames.empty());
  EXPECT_EQ(second.dropped(DropReason::no_path), 1u);
}

TEST_F(TwoLoops, a_frame_that_is_faster_than_the_forwarding_table_waits_for_it) {
  connect_second();
  second.route({});
  first.route({{prefix("10.10.0.102/32"), kPeer, kSecond}});
  first.send(good);
  give_on();
  EXPECT_TRUE(second.carrier->sent.empty());
  route_both();
  EXPECT_EQ(second.carrier->datagrams(), 1u);
  EXPECT_EQ(dropped_in_all(), 0u);
}

TEST_F(TwoLoops, a_foreign_frame_to_nobody_off_link_is_dropped_without_a_word) {
  second.route({});
  Bytes frame = build({.destination = "198.51.100.9"});
  second.forwarder->on_foreign_frame({}, frame, second.now);
  EXPECT_EQ(second.dropped(DropReason::no_path), 1u);
  EXPECT_TRUE(second.tun.written.empty()) << "an ICMP error would be a lie: the other loop knows the peer";
}

TEST_F(TwoLoops, garbage_that_is_handed_over_does_no_harm) {
  connect();
  for (Bytes frame : {Bytes{}, Bytes(1, 0x45), Bytes(30, 0x11), Bytes(4000, 0xff)})
    second.forwarder->on_foreign_frame({.flags = 1, .gso_type = 1, .gso_bytes = 3}, frame, second.now);
  EXPECT_EQ(second.dropped(DropReason::tun_malformed), 4u);
}

// ---- what waits for an address ----

TEST_F(TwoLoops, what_waited_for_an_address_goes_to_the_loop_of_its_peer) {
  for (Node* node : {&first, &second})
    node->route({});
  for (std::uint16_t i = 0; i < 5; ++i)
    first.send(build({.tcp = false, .source_port = i, .payload = Bytes(10, 1)}));
  EXPECT_EQ(first.events.of<PeerWanted>().size(), 1u);
  connect();
  ASSERT_EQ(handover.frames.size(), 5u);
  for (std::uint16_t i = 0; i < 5; ++i)
    EXPECT_EQ(packet::load_be16(&handover.frames[i].bytes[20]), i) << "in order";
  give_on();
  EXPECT_EQ(second.carrier->datagrams(), 5u);
  EXPECT_EQ(dropped_in_all(), 0u);
}

TEST_F(TwoLoops, what_does_not_fit_the_queue_goes_later_and_nothing_overtakes_it) {
  for (Node* node : {&first, &second})
    node->route({});
  const auto packet = [](std::uint16_t i) {
    return build({.tcp = false, .source_port = i, .payload = Bytes(10, 1)});
  };
  for (std::uint16_t i = 0; i < 5; ++i)
    first.send(packet(i));
  handover.most_frames = 3;
  connect();
  EXPECT_EQ(handover.frames.size(), 3u);
  first.send(packet(5));
  ASSERT_TRUE(first.forwarder->next_timeout());
  EXPECT_LE(*first.forwarder->next_timeout(), first.now.steady + 10ms);
  handover.most_frames = 100;
  first.send(packet(6));
  first.pass(10ms);
  first.forwarder->on_timeout(first.now);
  first.send(packet(7));
  ASSERT_EQ(handover.frames.size(), 8u);
  for (std::uint16_t i = 0; i < 8; ++i)
    EXPECT_EQ(packet::load_be16(&handover.frames[i].bytes[20]), i);
  EXPECT_EQ(dropped_in_all(), 0u);
  EXPECT_GT(first.forwarder->next_timeout().value_or(first.now.steady + 1h), first.now.steady + 1s)
      << "nothing is left to repeat";
}

TEST_F(TwoLoops, a_refused_address_is_refused_in_every_loop) {
  first.route({});
  first.send(good);
  first.tell(RefuseDestination{address("10.10.0.102")});
  EXPECT_EQ(first.dropped(DropReason::no_such_peer), 1u);
}

// ---- datagrams ----

TEST_F(TwoLoops, a_datagram_goes_to_the_loop_that_its_index_names) {
  connect();
  const Bytes message = sealed(build({.source = "10.10.0.102", .destination = "10.10.0.101"}));
  first.receive(message, "192.0.2.2:2000");
  ASSERT_EQ(handover.datagrams.size(), 1u);
  EXPECT_EQ(handover.datagrams[0].to, kSecond);
  EXPECT_EQ(handover.datagrams[0].bytes, message);
  EXPECT_EQ(handover.datagrams[0].origin.base, kBase);
  EXPECT_EQ(handover.datagrams[0].origin.from, endpoint("192.0.2.2:2000"));
  give_on();
  EXPECT_EQ(second.tun.frames_written, 1u);
  EXPECT_EQ(dropped_in_all(), 0u);
}

TEST_F(TwoLoops, a_compact_datagram_too) {
  connect();
  Bytes message(40, 0xee);
  message[0] = session::kCompactType;
  message[1] = static_cast<std::uint8_t>(kOwnIndex);
  message[2] = message[3] = 0x11;
  first.receive(message);
  ASSERT_EQ(handover.datagrams.size(), 1u);
  EXPECT_EQ(handover.datagrams[0].to, kSecond);
  give_on();
  EXPECT_EQ(second.dropped_in_all(), 1u) << "forged, and found out there";
}

TEST_F(TwoLoops, an_index_of_an_own_or_of_no_loop_is_unknown) {
  connect();
  Bytes message = sealed(good);
  for (const std::uint8_t low : {0x00, 0x04, 0x03, 0xff}) {
    message[4] = low;
    first.receive(message);
  }
  EXPECT_EQ(first.dropped(DropReason::unknown_index), 4u);
  EXPECT_TRUE(handover.datagrams.empty());
}

TEST_F(TwoLoops, a_datagram_never_goes_round) {
  connect();
  Bytes message = sealed(good);
  message[6] ^= 0x40;
  first.receive(message);
  give_on();
  EXPECT_EQ(second.dropped(DropReason::unknown_index), 1u);
  EXPECT_TRUE(back.datagrams.empty());
}

TEST_F(TwoLoops, a_full_queue_for_datagrams_is_a_counted_loss) {
  connect();
  handover.is_full = true;
  first.receive(sealed(good));
  EXPECT_EQ(first.dropped(DropReason::loop_queue_full), 1u);
  EXPECT_EQ(dropped_in_all(), 1u);
}

TEST_F(TwoLoops, of_a_batch_each_datagram_goes_to_its_own_loop) {
  connect();
  Bytes stun = from_hex("000100002112a442").value();
  stun.resize(64);
  Bytes batch = sealed(Bytes(32, 0));
  const std::size_t segment = batch.size();
  stun.resize(segment);
  batch.insert(batch.end(), stun.begin(), stun.end());
  const Bytes third = sealed(Bytes(32, 0));
  batch.insert(batch.end(), third.begin(), third.end());
  first.receive(batch, "192.0.2.2:2000", static_cast<std::uint16_t>(segment));
  EXPECT_EQ(handover.datagrams.size(), 2u);
  EXPECT_EQ(first.events.of<ControlDatagram>().size(), 1u);
}

}  // namespace
}  // namespace causeway::dataplane
