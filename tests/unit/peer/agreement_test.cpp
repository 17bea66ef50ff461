// What a peer's keypairs are made for, and when that outdates a session. At the other end is a bare Session.
#include <gtest/gtest.h>

#include "peer/peer.hpp"
#include "support/session_end.hpp"

namespace causeway::peer {
namespace {

using crypto::AeadAlgorithm;
using session::testing::End;

const net::Endpoint kOurs = *net::Endpoint::parse("198.51.100.1:51821");
const net::Endpoint kTheirs = *net::Endpoint::parse("198.51.100.2:51821");
const net::IpAddress kOurAddress = *net::IpAddress::parse("10.99.0.1");
const net::IpAddress kTheirAddress = *net::IpAddress::parse("10.99.0.2");
constexpr net::BaseId kBase{1};

struct Agreement : ::testing::Test {
  SeededRandom random{1};
  session::LocalKeys our_keys = session::testing::make_keys(random);
  session::LocalKeys their_keys = session::testing::make_keys(random);
  session::TimestampSource timestamps;
  session::IndexAllocator indices{random};
  session::HandshakeInbox inbox{our_keys, random};
  LocalBases bases{{kBase, {.base = kBase, .address = kOurs, .interface = "eth0", .on_link = {}}}};
  PeerContext context{our_keys, {}, timestamps, indices, random, bases, {}, true, true, true, kOurAddress};
  End other{"other", their_keys, our_keys.public_key, random, kOurs, session::PeerKind::causeway, {}, {}};
  PeerDescription description{.name = "other",
                              .virtual_address = kTheirAddress,
                              .session_key = their_keys.public_key,
                              .compact = true,
                              .aes_256_gcm = true};
  std::unique_ptr<Peer> peer;
  SteadyTime time{1000s};
  std::vector<dataplane::InstallPeerKeypair> installed;
  int initiations = 0;

  Now now() const { return {time, WallTime{std::chrono::seconds{1'790'000'000}} + time.time_since_epoch()}; }

  void make() {
    peer = std::make_unique<Peer>(dataplane::PeerId{1}, description, context);
    obey();
  }
  void obey() {
    while (auto action = peer->poll_action()) {
      if (auto* datagram = std::get_if<SendDatagram>(&*action)) {
        if (datagram->bytes[0] == 1) ++initiations;
        other.receive(datagram->bytes, kOurs, now());
      } else if (auto* command = std::get_if<dataplane::Command>(&*action)) {
        if (auto* install = std::get_if<dataplane::InstallPeerKeypair>(command))
          installed.push_back(std::move(*install));
      }
    }
  }
  /// What the other end wants to say arrives; with `confirming` so do its packets under our keypair.
  void deliver(bool confirming = true) {
    while (!other.outbox.empty()) {
      for (const Bytes& message : std::exchange(other.outbox, {})) {
        if (message[0] == 4) {
          if (confirming && !installed.empty() && !installed.back().material.is_initiator)
            peer->on_keypair_confirmed(installed.back().material.local_index, now());
        } else {
          auto verdict = inbox.consume(message, kTheirs, false, now());
          if (const auto* initiation = std::get_if<session::ReceivedInitiation>(&verdict))
            peer->on_initiation(*initiation, kBase, kTheirs, now());
          if (const auto* answer = std::get_if<session::ForHandshake>(&verdict))
            peer->on_handshake_answer(message, answer->is_cookie_reply, kBase, kTheirs, now());
        }
        obey();
      }
    }
  }
  void meet(bool confirming = true) {
    make();
    other.send_text("hello", now());
    deliver(confirming);
    ASSERT_EQ(installed.size(), 1u);
  }
  void pass(Duration duration) {
    time += duration;
    peer->on_timeout(now());
    obey();
    deliver();
  }
};

TEST_F(Agreement, IsTheFasterCipherIfBothHaveIt) {
  meet();
  EXPECT_EQ(installed[0].material.compact, AeadAlgorithm::aes_256_gcm);
  EXPECT_EQ(installed[0].v4, (dataplane::VirtualPair{kOurAddress, kTheirAddress}));
  EXPECT_FALSE(installed[0].v6);
}

TEST_F(Agreement, IsTheOtherCipherIfThePeerLacksIt) {
  description.aes_256_gcm = false;
  meet();
  EXPECT_EQ(installed[0].material.compact, AeadAlgorithm::chacha20_poly1305);
}

TEST_F(Agreement, IsTheOtherCipherIfWeLackIt) {
  context.aes_256_gcm = false;
  meet();
  EXPECT_EQ(installed[0].material.compact, AeadAlgorithm::chacha20_poly1305);
}

TEST_F(Agreement, IsWireGuardsFormatIfThePeerKnowsNoOther) {
  description.compact = false;
  meet();
  EXPECT_FALSE(installed[0].material.compact);
  EXPECT_FALSE(installed[0].v4);
}

TEST_F(Agreement, IsWireGuardsFormatIfWeMayNotUseAnother) {
  context.compact = false;
  meet();
  EXPECT_FALSE(installed[0].material.compact);
  EXPECT_FALSE(installed[0].v4);
}

TEST_F(Agreement, HasNoPairOfDifferentVersions) {
  context.virtual_address = net::IpAddress::parse("fd00::1");
  meet();
  EXPECT_EQ(installed[0].material.compact, AeadAlgorithm::aes_256_gcm);
  EXPECT_FALSE(installed[0].v4);
  EXPECT_FALSE(installed[0].v6);
}

TEST_F(Agreement, ANewRecordThatChangesNothingIsNoReasonForASession) {
  meet();
  peer->set_abilities(true, true, now());
  obey();
  pass(1s);
  EXPECT_EQ(initiations, 0);
  EXPECT_EQ(installed.size(), 1u);
}

TEST_F(Agreement, ANewRecordRenewsTheSessionOnce) {
  meet();
  time += 1s;
  peer->set_abilities(true, false, now());
  obey();
  deliver();
  EXPECT_EQ(initiations, 1);
  ASSERT_EQ(installed.size(), 2u);
  EXPECT_TRUE(installed[1].material.is_initiator);
  EXPECT_EQ(installed[1].material.compact, AeadAlgorithm::chacha20_poly1305);
  for (int i = 0; i < 20; ++i)
    pass(1s);
  EXPECT_EQ(initiations, 1);
  EXPECT_EQ(installed.size(), 2u);
}

TEST_F(Agreement, ANewRecordWhileAHandshakeIsUnconfirmedRenewsItAfterwards) {
  meet(false);
  peer->set_abilities(false, false, now());
  obey();
  EXPECT_EQ(initiations, 0) << "its keypair may still be confirmed";
  time += 100ms;
  peer->on_keypair_confirmed(installed[0].material.local_index, now());
  obey();
  deliver();
  EXPECT_EQ(initiations, 1);
  ASSERT_EQ(installed.size(), 2u);
  EXPECT_FALSE(installed[1].material.compact);
}

TEST_F(Agreement, ANewAddressOfOursRenewsTheSession) {
  meet();
  context.virtual_address = net::IpAddress::parse("10.99.0.77");
  pass(1s);
  EXPECT_EQ(initiations, 1);
  ASSERT_EQ(installed.size(), 2u);
  EXPECT_EQ(installed[1].v4->local, *context.virtual_address);
}

TEST_F(Agreement, NobodyRenewsForAPeerThatWasLetGo) {
  meet();
  peer->release("idle", now());
  peer->set_abilities(false, false, now());
  obey();
  EXPECT_EQ(initiations, 0);
}

}  // namespace
}  // namespace causeway::peer
