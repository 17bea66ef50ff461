#include "dataplane/drop_reason.hpp"

#include "forwarder_fixture.hpp"
#include "packet/ecn.hpp"
#include "support/fake_handover.hpp"

namespace causeway::dataplane {
namespace {

/// Each reason, made to happen once; the list must be complete.
struct DropReasons : TwoNodes {
  void SetUp() override {
    connect();
    full_handover.most_frames = 0;
  }
  const Bytes good = build({.payload = Bytes(100, 1)});
  causeway::testing::FakeHandover full_handover{0, 2};

  void make(DropReason reason) {
    switch (reason) {
      case DropReason::tun_malformed:
        return near.send(Bytes(30, 0x11));
      case DropReason::tun_not_unicast:
        return near.send(build({.destination = "224.0.0.251"}));
      case DropReason::tun_write_failed:
        far.tun.write_error = 5;
        return far.receive(sealed(good));
      case DropReason::no_such_peer:
        return near.send(build({.destination = "198.51.100.1"}));
      case DropReason::stage_full:
        near.tell(SetPath{kPeer, std::nullopt});
        for (std::size_t i = 0; i <= Stage::kMostPackets; ++i)
          near.send(good);
        return;
      case DropReason::stage_expired:
        near.tell(SetPath{kPeer, std::nullopt});
        near.send(good);
        near.pass(15s);
        return near.forwarder->on_timeout(near.now);
      case DropReason::source_not_ours:
        return near.send(build({.source = "10.10.0.99"}));
      case DropReason::too_big:
        return near.send(build({.payload = Bytes(1500, 1)}));
      case DropReason::no_path:
        near.tell(SetPath{kPeer, std::nullopt});
        near.send(good);
        return near.tell(RemovePeer{kPeer});
      case DropReason::send_failed:
        near.carrier->outcome = {SendStatus::failed, 1, 0};
        return near.send(good);
      case DropReason::send_would_block:
        near.carrier->outcome = {SendStatus::would_block, 11, 0};
        return near.send(good);
      case DropReason::loop_queue_full:
        near.forwarder = std::make_unique<Forwarder>(near.tun, near.events, near.drops, Forwarder::Options{},
                                                     &full_handover);
        near.route({{prefix("10.10.0.102/32"), kPeer, 1}});
        return near.send(good);
      case DropReason::udp_unknown_class:
        return far.receive(Bytes(40, 0x45));
      case DropReason::control_queue_full: {
        far.events.is_full = true;
        Bytes stun = from_hex("000100002112a442").value();
        stun.resize(20);
        return far.receive(stun);
      }
      case DropReason::handshake_queue_full: {
        far.events.is_full = true;
        Bytes initiation(148);
        initiation[0] = 1;
        return far.receive(initiation);
      }
      case DropReason::path_queue_full:
        use_compact(crypto::AeadAlgorithm::aes_256_gcm);
        far.tell(ErasePeerKeypairs{kPeer});
        install(far);
        far.events.is_full = true;
        return far.receive(sealed_compact({packet::kCompactPathMessage, 1}));
      case DropReason::unknown_index: {
        Bytes message = sealed(good);
        message[4] ^= 1;
        return far.receive(message);
      }
      case DropReason::message_malformed:
        return far.receive(ByteView{sealed(good)}.first(31));
      case DropReason::bad_tag: {
        Bytes message = sealed(good);
        message.back() ^= 1;
        return far.receive(message);
      }
      case DropReason::replayed: {
        const Bytes message = sealed(good);
        far.receive(message);
        return far.receive(message);
      }
      case DropReason::key_expired:
        far.pass(180s);
        return far.receive(sealed(good));
      case DropReason::inner_malformed:
        return far.receive(sealed(Bytes(40, 0x55)));
      case DropReason::source_not_allowed:
        return far.receive(sealed(build({.source = "10.10.0.55"})));
      case DropReason::congestion: {
        Bytes message = sealed(good);
        return far.forwarder->on_received(
            {kBase, endpoint("192.0.2.1:1000"), message, static_cast<std::uint16_t>(message.size()),
             packet::kCongestionExperienced},
            far.now);
      }
      case DropReason::piece_lost:
        use_compact(crypto::AeadAlgorithm::aes_256_gcm);
        far.tell(ErasePeerKeypairs{kPeer});
        install(far);
        far.receive(sealed_compact({packet::kCompactFirstPiece, 1}));
        far.pass(Pieces::kPatience);
        return far.receive(sealed_compact({packet::kCompactFirstPiece, 2}));
      case DropReason::destination_not_ours:
        return far.receive(sealed(build({.destination = "10.10.0.55"})));
    }
  }
};

class EachDropReason : public DropReasons, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(EachDropReason, IsCountedAloneAndOnce) {
  const auto reason = static_cast<DropReason>(GetParam());
  make(reason);
  EXPECT_EQ(near.dropped(reason) + far.dropped(reason), 1u);
  EXPECT_EQ(near.dropped_in_all() + far.dropped_in_all(), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, EachDropReason, ::testing::Range(std::size_t{0}, kDropReasons),
                         [](const auto& chosen) { return std::string(kDropReasonNames[chosen.param]); });

TEST_F(DropReasons, EachHasAText) {
  for (const auto text : kDropReasonTexts)
    EXPECT_FALSE(text.empty());
}

TEST_F(DropReasons, ChatterOfTheKernelIsNotUnicast) {
  near.send(build({.source = "fe80::1", .destination = "ff02::2"}));
  near.send(build({.source = "fe80::1", .destination = "fd00::102"}));
  near.send(build({.source = "fd00::101", .destination = "fe80::5"}));
  near.send(build({.destination = "255.255.255.255"}));
  near.send(build({.destination = "10.10.0.255"}));
  EXPECT_EQ(near.dropped(DropReason::tun_not_unicast), 5u);
  EXPECT_TRUE(near.events.events.empty());
}

TEST_F(DropReasons, AControlDatagramLongerThanAnyIsMalformed) {
  Bytes long_one(1501);
  long_one[0] = 1;
  far.receive(long_one);
  EXPECT_EQ(far.dropped(DropReason::message_malformed), 1u);
}

TEST_F(DropReasons, UnknownClassesAreCountedEach) {
  for (const int first : {0x00, 0x05, 0x20, 0x3f, 0x40, 0x7f})
    far.receive(Bytes(64, static_cast<std::uint8_t>(first)));
  far.receive(Bytes(1, 4));
  EXPECT_EQ(far.dropped(DropReason::udp_unknown_class), 7u);
}

TEST_F(DropReasons, AKeepaliveWithoutAPathIsCounted) {
  near.tell(SetPath{kPeer, std::nullopt});
  near.tell(SendPeerKeepalive{kPeer});
  EXPECT_EQ(near.dropped(DropReason::no_path), 1u);
}

TEST_F(DropReasons, WaitingPacketsAreBoundedInAll) {
  Node small("10.10.0.101", {.most_staged_bytes = 10'000, .most_unresolved = 4});
  small.route({});
  for (int i = 0; i < 10; ++i)
    small.send(build({.destination = "10.10.0." + std::to_string(i + 1), .payload = Bytes(60, 1)}));
  EXPECT_EQ(small.dropped(DropReason::stage_full), 6u);
  EXPECT_EQ(small.events.of<PeerWanted>().size(), 10u);
  for (int i = 0; i < 200; ++i)
    small.send(build({.destination = "10.10.0.10", .payload = Bytes(60, 1)}));
  EXPECT_GE(small.dropped(DropReason::stage_full), 6u + 200 - 97);
}

}  // namespace
}  // namespace causeway::dataplane
