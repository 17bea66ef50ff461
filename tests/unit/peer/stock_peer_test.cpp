// A Peer of kind wireguard and, at its other end, a Session by the rules of stock WireGuard. Virtual time.
#include <gtest/gtest.h>

#include "peer/peer.hpp"
#include "support/session_end.hpp"

namespace causeway::peer {
namespace {

using session::testing::End;

net::Endpoint at(const char* text) { return *net::Endpoint::parse(text); }

struct StockPeer : ::testing::Test {
  SeededRandom random{1};
  session::LocalKeys our_keys = session::testing::make_keys(random);
  session::LocalKeys stock_keys = session::testing::make_keys(random);
  session::TimestampSource timestamps;
  session::IndexAllocator indices{random};
  session::HandshakeInbox inbox{our_keys, random};
  LocalBases bases;
  PeerContext context{our_keys, {}, timestamps, indices, random, bases, {}};
  End stock{"stock",
            stock_keys,
            our_keys.public_key,
            random,
            at("198.51.100.1:51821"),
            session::PeerKind::wireguard,
            {},
            {}};
  std::unique_ptr<Peer> peer;
  SteadyTime time{1000s};

  std::vector<std::optional<dataplane::DataPath>> paths;  ///< as the data loop was told
  std::vector<SendDatagram> sent;
  int keepalives = 0;

  Now now() const { return {time, WallTime{std::chrono::seconds{1'790'000'000}} + time.time_since_epoch()}; }

  net::BaseId add_base(std::uint32_t id, const char* address, const char* prefix, bool has_default = false) {
    bases[net::BaseId{id}] = {.base = net::BaseId{id},
                              .address = at(address),
                              .interface = "eth0",
                              .mtu = 1500,
                              .on_link = *net::Prefix::parse(prefix),
                              .has_default_route = has_default};
    return net::BaseId{id};
  }
  void make(std::optional<net::Endpoint> endpoint) {
    PeerDescription description;
    description.kind = session::PeerKind::wireguard;
    description.name = "wg";
    description.virtual_address = *net::IpAddress::parse("10.99.0.2");
    description.session_key = stock_keys.public_key;
    description.endpoint = endpoint;
    peer = std::make_unique<Peer>(dataplane::PeerId{1}, std::move(description), context);
    obey();
  }

  void obey() {
    while (auto action = peer->poll_action()) {
      if (auto* datagram = std::get_if<SendDatagram>(&*action)) {
        stock.receive(datagram->bytes, bases.at(datagram->base).address, now());
        sent.push_back(std::move(*datagram));
      } else if (auto* command = std::get_if<dataplane::Command>(&*action)) {
        obey(*command);
      }
    }
  }
  void obey(const dataplane::Command& command) {
    if (const auto* set = std::get_if<dataplane::SetPath>(&command)) paths.push_back(set->path);
    if (std::holds_alternative<dataplane::SendPeerKeepalive>(command)) ++keepalives;
    // The other end uses the keys at once.
    if (const auto* install = std::get_if<dataplane::InstallPeerKeypair>(&command);
        install && !install->material.is_initiator) {
      unconfirmed = install->material.local_index;
    }
  }
  std::optional<std::uint32_t> unconfirmed;

  /// What the stock end wants to say arrives at `base` from `from`.
  void deliver(net::BaseId base, const net::Endpoint& from) {
    while (!stock.outbox.empty()) {
      for (const Bytes& message : std::exchange(stock.outbox, {})) {
        if (message[0] == 4) {
          if (unconfirmed) peer->on_keypair_confirmed(*std::exchange(unconfirmed, {}), now());
        } else {
          auto verdict = inbox.consume(message, from, false, now());
          if (const auto* initiation = std::get_if<session::ReceivedInitiation>(&verdict))
            peer->on_initiation(*initiation, base, from, now());
          if (const auto* answer = std::get_if<session::ForHandshake>(&verdict))
            peer->on_handshake_answer(message, answer->is_cookie_reply, base, from, now());
        }
        obey();
      }
    }
  }
  void run_for(Duration duration) {
    const SteadyTime end = time + duration;
    for (;;) {
      const auto next = peer->next_timeout();
      if (!next || *next > end) break;
      time = std::max(time, *next);
      peer->on_timeout(now());
      obey();
    }
    time = end;
  }
  void connect(net::BaseId base, const net::Endpoint& from) {
    peer->connect(now());
    obey();
    deliver(base, from);
    ASSERT_EQ(peer->state(), PeerState::connected);
  }
};

TEST_F(StockPeer, IsSentToFromTheBaseOnItsLinkElseByTheDefaultRoute) {
  add_base(1, "192.0.2.1:51821", "192.0.2.0/24", true);
  const auto on_link = add_base(2, "198.51.100.1:51821", "198.51.100.0/24");
  make(at("198.51.100.2:51820"));
  EXPECT_EQ(peer->data_path()->base, on_link);
  EXPECT_EQ(peer->state(), PeerState::idle);
  bases.erase(on_link);
  peer->on_bases_changed(now());
  EXPECT_EQ(peer->data_path()->base, net::BaseId{1});
  bases.clear();
  peer->on_bases_changed(now());
  EXPECT_FALSE(peer->data_path());
}

TEST_F(StockPeer, ConnectsWhenWanted) {
  const auto base = add_base(1, "198.51.100.1:51821", "198.51.100.0/24");
  make(at("198.51.100.2:51820"));
  EXPECT_TRUE(sent.empty()) << "silent until something is to be said";
  connect(base, at("198.51.100.2:51820"));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, at("198.51.100.2:51820"));
}

TEST_F(StockPeer, WithoutAnEndpointWaitsToBeCalled) {
  const auto base = add_base(1, "198.51.100.1:51821", "198.51.100.0/24");
  make(std::nullopt);
  peer->connect(now());
  obey();
  EXPECT_TRUE(sent.empty());
  run_for(20s);
  EXPECT_EQ(peer->state(), PeerState::unreachable);

  stock.send_text("hello", now());
  deliver(base, at("198.51.100.2:40000"));
  EXPECT_EQ(peer->state(), PeerState::connected);
  EXPECT_EQ(peer->data_path()->remote, at("198.51.100.2:40000"));
}

TEST_F(StockPeer, KeepsToWhereItRoamedWhenOurAddressChanges) {
  const auto base = add_base(1, "198.51.100.1:51821", "198.51.100.0/24");
  make(at("198.51.100.2:51820"));
  connect(base, at("198.51.100.2:51820"));
  peer->on_moved(base, at("203.0.113.7:999"), now());
  obey();
  EXPECT_EQ(peer->data_path()->remote, at("203.0.113.7:999"));
  EXPECT_EQ(keepalives, 1) << "the one that confirms the handshake";

  bases.erase(base);
  peer->on_bases_changed(now());
  obey();
  EXPECT_FALSE(paths.back());
  const auto other = add_base(2, "192.0.2.9:51821", "192.0.2.0/24", true);
  peer->on_bases_changed(now());
  obey();
  EXPECT_EQ(paths.back()->base, other);
  EXPECT_EQ(paths.back()->remote, at("203.0.113.7:999"));
  EXPECT_EQ(keepalives, 2) << "tells the peer our new address";
  EXPECT_EQ(peer->state(), PeerState::connected);
}

TEST_F(StockPeer, ANicThatHasNothingToDoWithItChangesNothing) {
  const auto base = add_base(1, "198.51.100.1:51821", "198.51.100.0/24");
  make(at("198.51.100.2:51820"));
  connect(base, at("198.51.100.2:51820"));
  const auto told = paths.size();
  add_base(2, "192.0.2.9:51821", "192.0.2.0/24", true);
  peer->on_bases_changed(now());
  obey();
  EXPECT_EQ(paths.size(), told);
  EXPECT_EQ(keepalives, 1);
}

TEST_F(StockPeer, IsIdleOnceTheSessionEndedUnused) {
  const auto base = add_base(1, "198.51.100.1:51821", "198.51.100.0/24");
  make(at("198.51.100.2:51820"));
  connect(base, at("198.51.100.2:51820"));
  const auto before = sent.size();
  run_for(200s);
  EXPECT_EQ(peer->state(), PeerState::idle);
  EXPECT_EQ(sent.size(), before) << "nobody is bothered";
  connect(base, at("198.51.100.2:51820"));
}

}  // namespace
}  // namespace causeway::peer
