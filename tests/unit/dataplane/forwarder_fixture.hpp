#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/random.hpp"
#include "dataplane/forwarder.hpp"
#include "packet/byte_order.hpp"
#include "support/fake_carrier.hpp"
#include "support/fake_tun.hpp"
#include "support/packet_builder.hpp"
#include "support/recording_event_sink.hpp"

namespace causeway::dataplane {

using causeway::testing::build;
using causeway::testing::build_super_frame;
using causeway::testing::FakeCarrier;
using causeway::testing::FakeTun;
using causeway::testing::naive_segments;
using causeway::testing::PacketSpec;
using causeway::testing::RecordingEventSink;

inline constexpr net::BaseId kBase{7};
inline constexpr PeerId kPeer{3};

inline net::IpAddress address(const char* text) { return net::IpAddress::parse(text).value(); }
inline net::Prefix prefix(const char* text) { return net::Prefix::parse(text).value(); }
inline net::Endpoint endpoint(const char* text) { return net::Endpoint::parse(text).value(); }

/// The two ends of one session.
struct KeypairPair {
  session::KeypairMaterial initiator, responder;
};
inline KeypairPair make_keypairs(std::uint32_t initiator_index, std::uint32_t responder_index,
                                 SteadyTime created) {
  KeypairPair pair;
  SeededRandom random(initiator_index);
  pair.initiator = {.local_index = initiator_index,
                    .remote_index = responder_index,
                    .send_key = {},
                    .receive_key = {},
                    .is_initiator = true,
                    .created = created};
  random.fill(pair.initiator.send_key.bytes);
  random.fill(pair.initiator.receive_key.bytes);
  pair.responder = {.local_index = responder_index,
                    .remote_index = initiator_index,
                    .send_key = pair.initiator.receive_key,
                    .receive_key = pair.initiator.send_key,
                    .is_initiator = false,
                    .created = created};
  return pair;
}

/// One Forwarder with all that it touches faked, told step by step.
struct Node {
  explicit Node(const char* own, const Forwarder::Options& options = {}) : own_address(own) {
    forwarder = std::make_unique<Forwarder>(tun, events, drops, options);
  }

  std::string own_address;
  FakeTun tun;
  RecordingEventSink events;
  DropCounters drops;
  std::shared_ptr<FakeCarrier> carrier = std::make_shared<FakeCarrier>();
  std::shared_ptr<PeerCounters> counters = std::make_shared<PeerCounters>();
  std::unique_ptr<Forwarder> forwarder;
  Now now{SteadyTime{1000s}, WallTime{1'700'000'000s}};

  void tell(Command command) { forwarder->apply(std::move(command), now); }
  void add_peer(session::PeerKind kind = session::PeerKind::causeway) {
    tell(AddPeer{kPeer, kind, counters});
  }
  void route(std::vector<ForwardingEntry> entries) {
    ForwardingSnapshot snapshot;
    snapshot.local_addresses = {net::IpAddress::parse(own_address).value(), address(own_v6())};
    snapshot.on_link = {prefix("10.10.0.0/24"), prefix("fd00::/64")};
    snapshot.entries = std::move(entries);
    tell(SetForwarding{std::make_shared<const ForwardingSnapshot>(snapshot)});
  }
  /// fd00::101 for 10.10.0.101.
  const char* own_v6() const { return own_address.ends_with("101") ? "fd00::101" : "fd00::102"; }
  void set_path(const char* remote, std::uint16_t mtu = 1500) {
    tell(SetPath{kPeer, DataPath{kBase, endpoint(remote), mtu}});
  }
  void pass(Duration time) { now.steady += time, now.wall += time; }

  void send(Bytes packet) {
    tun.put(std::move(packet));
    forwarder->on_tun_readable(now);
  }
  void receive(ByteView bytes, const char* from = "192.0.2.1:1000", std::uint16_t segment_bytes = 0) {
    Bytes copy(bytes.begin(), bytes.end());
    forwarder->on_received({kBase, endpoint(from), copy,
                            segment_bytes ? segment_bytes : static_cast<std::uint16_t>(copy.size())},
                           now);
    forwarder->flush(now);
  }
  std::uint64_t dropped(DropReason reason) const { return drops.get(reason); }
  std::uint64_t dropped_in_all() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kDropReasons; ++i)
      sum += drops.get(static_cast<DropReason>(i));
    return sum;
  }
};

/// 10.10.0.101 (with its session, path and route to kPeer) and the far end 10.10.0.102 likewise. What `near`
/// sends is kept in its carrier until a test hands it on.
struct TwoNodes : ::testing::Test {
  static constexpr std::uint32_t kNearIndex = 0x11111111, kFarIndex = 0x22222222;
  Node near{"10.10.0.101"}, far{"10.10.0.102"};
  KeypairPair keys = make_keypairs(kNearIndex, kFarIndex, near.now.steady);

  /// From the next keypairs on, both ends can do compact messages.
  void use_compact(crypto::AeadAlgorithm algorithm) {
    keys.initiator.compact = keys.responder.compact = algorithm;
  }
  void install(Node& node) {
    const bool is_near = &node == &near;
    Node& other = is_near ? far : near;
    node.tell(
        InstallPeerKeypair{kPeer, is_near ? keys.initiator : keys.responder,
                           VirtualPair{address(node.own_address.c_str()), address(other.own_address.c_str())},
                           VirtualPair{address(node.own_v6()), address(other.own_v6())}});
  }

  void connect() {
    for (Node* node : {&near, &far}) {
      const bool is_near = node == &near;
      node->tell(AddBase{kBase, node->carrier});
      node->add_peer();
      node->route({{prefix(is_near ? "10.10.0.102/32" : "10.10.0.101/32"), kPeer},
                   {prefix(is_near ? "fd00::102/128" : "fd00::101/128"), kPeer}});
      node->set_path(is_near ? "192.0.2.2:2000" : "192.0.2.1:1000");
      install(*node);
    }
  }
  /// Gives `to` all that `from` sent.
  static void hand_over(Node& from, Node& to, const char* source = "192.0.2.1:1000") {
    for (const auto& batch : std::exchange(from.carrier->sent, {}))
      to.receive(batch.bytes, source, batch.segment_bytes);
  }
  /// The only datagram that is waiting at `node`.
  static Bytes take_datagram(Node& node) {
    EXPECT_EQ(node.carrier->datagrams(), 1u);
    Bytes datagram = node.carrier->sent.at(0).bytes;
    node.carrier->sent.clear();
    return datagram;
  }
  /// An inner packet sealed as `near` would, whatever is in it.
  Bytes sealed(const Bytes& plaintext) {
    if (!forger) forger = std::make_unique<session::Keypair>(keys.initiator);
    Bytes message(session::Keypair::sealed_bytes(plaintext.size()));
    message.resize(forger->seal(plaintext, message));
    return message;
  }
  /// The same as a compact message; only with use_compact().
  Bytes sealed_compact(const Bytes& plaintext) {
    if (!forger) forger = std::make_unique<session::Keypair>(keys.initiator);
    Bytes message(session::Keypair::compact_bytes(plaintext.size()));
    forger->seal_compact(plaintext, message);
    return message;
  }
  std::unique_ptr<session::Keypair> forger;
};

/// The same with each message format and cipher.
struct EveryFormat : TwoNodes, ::testing::WithParamInterface<std::optional<crypto::AeadAlgorithm>> {
  EveryFormat() {
    if (GetParam()) use_compact(*GetParam());
  }
};
inline auto every_format() {
  return ::testing::Values(std::nullopt, crypto::AeadAlgorithm::aes_256_gcm,
                           crypto::AeadAlgorithm::chacha20_poly1305);
}
inline std::string name_of_format(
    const ::testing::TestParamInfo<std::optional<crypto::AeadAlgorithm>>& info) {
  if (!info.param) return "Type4";
  return *info.param == crypto::AeadAlgorithm::aes_256_gcm ? "CompactAes" : "CompactChaCha";
}

}  // namespace causeway::dataplane
