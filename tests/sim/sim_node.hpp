#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/event_sink.hpp"
#include "dataplane/forwarder.hpp"
#include "node/node.hpp"
#include "server/src/core/actions.hpp"
#include "support/fake_tun.hpp"
#include "tests/sim/nat.hpp"

namespace causeway::sim {

class World;

/// The driver of one simulated node: the real Node and the real Forwarder, with the world for sockets and
/// clock.
class SimNode final : public dataplane::EventSink {
 public:
  SimNode(World& world, std::string name, net::IpAddress address, Nat* nat);
  ~SimNode() override;

  void start(const std::string& token);
  /// The process dies; what was stored stays.
  void kill();
  /// The daemon starts again with what was stored.
  void restart();
  bool is_running() const { return node_ != nullptr; }
  node::Node& node() { return *node_; }
  const std::string& name() const { return name_; }
  Nat* nat() const { return nat_; }
  const net::Endpoint& base_address() const { return base_address_; }
  std::optional<net::IpAddress> virtual_address() const { return interface_address_; }
  const std::string& refusal() const { return refusal_; }
  bool has_left() const { return has_left_; }

  /// An application writes a packet.
  void write_packet(Bytes packet);
  /// Packets that applications here have been given.
  std::vector<Bytes> take_received();
  const dataplane::DropCounters& drops() const { return drops_; }
  /// Wishes of the user, then obeyed.
  void leave();
  void join();

  // ---- the forwarder's events ----
  bool push(dataplane::Event&& event) noexcept override;

  // ---- the world's events ----
  void on_datagram(const net::Endpoint& from, Bytes bytes);
  void on_server_secured(server::ConnectionId connection, ByteView exporter);
  void on_server_line(server::ConnectionId connection, const std::string& line);
  void on_server_closed(server::ConnectionId connection, std::string_view reason);

 private:
  class SimCarrier;
  void pump();
  void obey(node::NodeAction& action);
  void schedule();
  void on_timer();
  void gather();
  void on_stun_answer(const Bytes& bytes);

  World& world_;
  std::string name_;
  Nat* nat_;
  net::Endpoint base_address_;
  store::NodeState stored_;
  store::NodeKeys keys_;

  testing::FakeTun tun_;
  dataplane::DropCounters drops_;
  std::unique_ptr<dataplane::Forwarder> forwarder_;
  std::unique_ptr<node::Node> node_;
  std::vector<dataplane::Event> events_;
  std::optional<net::IpAddress> interface_address_;
  std::string refusal_;
  bool has_left_ = false;
  server::ConnectionId connection_ = server::ConnectionId::none;
  std::vector<net::Endpoint> stun_servers_;
  std::map<stun::TransactionId, net::Endpoint> gathering_;
  std::optional<SteadyTime> timer_;
  std::uint64_t life_ = 0;  ///< events of an earlier life are void
  bool is_pumping_ = false;
};

}  // namespace causeway::sim
