#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/event_sink.hpp"
#include "dataplane/forwarder.hpp"
#include "node/node.hpp"
#include "replay/trace.hpp"
#include "server/src/core/actions.hpp"
#include "support/fake_tun.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/stun_client.hpp"

namespace causeway::sim {

class World;

/// A real NIC of a simulated node, with its one address.
struct SimNic {
  net::BaseId base;
  Realm realm;
  net::Endpoint address;
  PlugId plug = PlugId::none;  ///< none while the node is down
};

/// The driver of one simulated node: the real Node, Forwarder and STUN source, with the world for sockets and
/// clock.
class SimNode final : public dataplane::EventSink {
 public:
  SimNode(World& world, std::string name);
  ~SimNode() override;

  // ---- its machine ----
  /// A NIC comes up with this address; goes down.
  net::BaseId add_nic(Realm realm, net::IpAddress address);
  void remove_nic(net::BaseId base);
  /// What the driver tells after its NICs changed, or it slept: the connection with the server may be lost.
  void on_network_changed(Duration away, bool loses_connection);
  const std::vector<SimNic>& nics() const { return nics_; }
  /// What it announces from its next start on.
  bool compact = true, aes_256_gcm = false, path_messages = true, ipv6_inside = true, reports = true;
  /// Whom it lets hear of its changes, from its next start on.
  node::SubscriptionPolicy subscriptions = node::SubscriptionPolicy::friends;
  /// From its next start on.
  node::CheckListPolicy check_list;
  /// How it ranks its paths; the formula of RFC 8445 unless somebody knows better.
  std::function<std::vector<path::Score>(const std::vector<path::PathView>&)> score_paths;
  /// What its wall clock is wrong by.
  Duration clock_error{};
  Now now() const;
  RandomSource& random();

  // ---- its daemon ----
  void start(const std::string& token);
  /// The process dies; what was stored stays.
  void kill();
  /// The daemon starts again with what was stored.
  void restart();
  void leave();
  void join();
  void add_friend(const std::string& name, std::optional<crypto::IdentityPublicKey> key = {});
  void remove_friend(const std::string& name);
  /// From now on.
  void set_subscription_policy(node::SubscriptionPolicy policy);
  /// Of the last wish about a friend; none while it is under way.
  const std::optional<node::FriendAnswered>& friend_answer() const { return friend_answer_; }
  bool is_running() const { return node_ != nullptr; }
  /// Tells what its daemon would record (docs/replay.md), from this moment on; empty: no more.
  void record(std::function<void(const replay::Step&)> on_step);

  node::Node& node() { return *node_; }
  const node::Node& node() const { return *node_; }
  bool is_online() const { return node_ && node_->status() == node::NodeStatus::online; }
  const std::string& name() const { return name_; }
  const crypto::IdentityPublicKey& identity() const { return identity_; }
  std::optional<net::IpAddress> virtual_address() const { return interface_address_; }
  const std::string& refusal() const { return refusal_; }
  bool has_left() const { return has_left_; }
  /// Our peer for this node; null if it is not known.
  const peer::Peer* peer_of(const SimNode& other) const;

  // ---- its applications ----
  void write_packet(Bytes packet);
  /// Packets that applications here have been given.
  std::vector<Bytes> take_received();
  /// From now on its forwarder lets packets with this source out, as a hostile build would.
  void forge_source(const net::IpAddress& source);
  const dataplane::DropCounters& drops() const { return drops_; }
  std::uint64_t events_refused() const { return events_refused_; }

  // ---- the forwarder's events ----
  bool push(dataplane::Event&& event) noexcept override;

  // ---- the world's events ----
  void send_from(net::BaseId base, const net::Endpoint& to, Bytes bytes);
  void on_server_secured(server::ConnectionId connection, ByteView exporter);
  void on_server_line(server::ConnectionId connection, const std::string& line);
  void on_server_closed(server::ConnectionId connection, std::string_view reason);

 private:
  class SimCarrier;
  void open(SimNic& nic);
  void tell_bases();
  SimNic* find_nic(net::BaseId base);
  void on_datagram(net::BaseId base, const net::Endpoint& from, Bytes bytes);
  void pump();
  void obey(node::NodeAction& action);
  void close_connection();
  void schedule();
  void on_timer();
  void apply(dataplane::Command&& command);

  World& world_;
  std::string name_;
  std::vector<SimNic> nics_;
  std::uint32_t next_base_ = 1;
  store::NodeState stored_;
  store::FriendState stored_friends_;
  std::vector<store::KnownPeer> stored_peers_;
  std::vector<store::PeerHistory> stored_history_;
  store::NodeKeys keys_;
  crypto::IdentityPublicKey identity_;

  testing::FakeTun tun_;
  dataplane::DropCounters drops_;
  std::unique_ptr<dataplane::Forwarder> forwarder_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<StunClient> stun_;
  std::vector<dataplane::Event> events_;
  std::uint64_t events_refused_ = 0;
  std::optional<net::IpAddress> interface_address_;
  std::set<net::IpAddress> forged_sources_;
  std::function<void(const replay::Step&)> on_step_;
  std::string refusal_;
  bool has_left_ = false;
  std::optional<node::FriendAnswered> friend_answer_;
  server::ConnectionId connection_ = server::ConnectionId::none;
  std::optional<SteadyTime> timer_;
  std::uint64_t life_ = 0;  ///< events of an earlier life are void
  bool is_pumping_ = false;
};

}  // namespace causeway::sim
