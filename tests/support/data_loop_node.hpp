#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/data_loop.hpp"
#include "dataplane/udp_base.hpp"
#include "tun/interface_config.hpp"
#include "tun/tun_linux.hpp"

namespace causeway::test {

using namespace dataplane;

inline constexpr PeerId kPeer{1};
inline constexpr net::BaseId kBase{1};
inline constexpr std::uint16_t kPort = 51820;
/// Of type-4 messages over IPv4: 1,500 less IPv4, UDP and the worst padding.
inline constexpr std::uint32_t kStockTunMtu = 1420;
inline constexpr std::uint32_t kCompactTunMtu = 1467;

inline crypto::SymmetricKey key_of(std::uint8_t fill) {
  crypto::SymmetricKey key;
  key.bytes.fill(fill);
  return key;
}

struct Offloads {
  tun::TunOffloads tun{true, true, true};
  bool gso = true;  ///< UDP_SEGMENT
  bool gro = true;  ///< UDP_GRO
};
/// None: type-4 messages only.
using Format = std::optional<crypto::AeadAlgorithm>;

/// A data loop with a TUN, a UDP socket and fixed keys, for one other of its kind.
class DataLoopNode {
 public:
  /// In the namespace of the calling thread, which has eth0 with 192.0.2.`number`.
  DataLoopNode(int number, const Offloads& offloads, Format format = std::nullopt)
      : number_(number), format_(format) {
    tun_ = tun::LinuxTun::open({"cw0", offloads.tun}).value();
    auto config = tun::InterfaceConfig::open("cw0").value();
    config.set_mtu(format ? kCompactTunMtu : kStockTunMtu).value();
    config.add_address(virtual_address(number), 24).value();
    config.add_address(virtual_address_v6(number), 64).value();
    config.set_up(true).value();
    base_ = std::make_shared<UdpBase>(kBase, net::UdpSocket::open({.address = real_address(number),
                                                                   .port = kPort,
                                                                   .device = "eth0",
                                                                   .use_gso = offloads.gso,
                                                                   .use_gro = offloads.gro})
                                                 .value());
    loop_ = std::make_unique<DataLoop>(*tun_, channel_, drops_);
    loop_->start().value();
  }

  static net::IpAddress virtual_address(int number) {
    return *net::IpAddress::parse("10.10.0." + std::to_string(number));
  }
  static net::IpAddress virtual_address_v6(int number) {
    return *net::IpAddress::parse("fd10::" + std::to_string(number));
  }
  static net::IpAddress real_address(int number) {
    return *net::IpAddress::parse("192.0.2." + std::to_string(number));
  }

  void connect_with(const DataLoopNode& other) { connect_with(other.number_, other.base_->local()); }
  void connect_with(int other, const net::Endpoint& remote) {
    counters = std::make_shared<PeerCounters>();
    auto table = std::make_shared<ForwardingSnapshot>();
    table->local_addresses = {virtual_address(number_), virtual_address_v6(number_)};
    table->on_link = {*net::Prefix::parse("10.10.0.0/24"), *net::Prefix::parse("fd10::/64")};
    table->entries = {{net::Prefix{virtual_address(other), 32}, kPeer},
                      {net::Prefix{virtual_address_v6(other), 128}, kPeer}};
    session::KeypairMaterial material;
    material.local_index = static_cast<std::uint32_t>(number_);
    material.remote_index = static_cast<std::uint32_t>(other);
    material.send_key = key_of(static_cast<std::uint8_t>(number_));
    material.receive_key = key_of(static_cast<std::uint8_t>(other));
    material.is_initiator = number_ < other;
    material.created = read_clocks().steady;
    material.compact = format_;
    channel_.send(AddBase{kBase, base_});
    channel_.send(AddPeer{kPeer, session::PeerKind::wireguard, counters});
    channel_.send(SetForwarding{std::move(table)});
    channel_.send(InstallPeerKeypair{kPeer, material,
                                     VirtualPair{virtual_address(number_), virtual_address(other)},
                                     VirtualPair{virtual_address_v6(number_), virtual_address_v6(other)}});
    channel_.send(SetPath{kPeer, DataPath{kBase, remote, 1500}});
  }

  template <class Wanted>
  bool hears() {
    for (;;) {
      pollfd waiting{channel_.descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, 10'000) != 1) return false;
      bool heard = false;
      channel_.take_events(1000,
                           [&](Event&& event) { heard = heard || std::holds_alternative<Wanted>(event); });
      if (heard) return true;
    }
  }

  ControlChannel& channel() { return channel_; }
  DataLoop& loop() { return *loop_; }
  const DropCounters& drops() const { return drops_; }
  std::shared_ptr<PeerCounters> counters;

 private:
  int number_;
  Format format_;
  ControlChannel channel_;
  DropCounters drops_;
  std::unique_ptr<tun::LinuxTun> tun_;
  std::shared_ptr<UdpBase> base_;
  std::unique_ptr<DataLoop> loop_;  // last: uses all of the above
};

}  // namespace causeway::test
