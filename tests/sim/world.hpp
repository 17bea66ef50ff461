#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "server/src/core/server_core.hpp"
#include "server/src/storage/memory_store.hpp"
#include "tests/sim/nat.hpp"

/// Whole nodes and a server in one process over virtual time: everything that is random comes from one seed,
/// so that a run replays exactly.
namespace causeway::sim {

class SimNode;

/// What the network does to datagrams between two sites.
struct Weather {
  Duration delay = 5ms;
  Duration jitter{};
  double loss = 0;       ///< 0..1
  double duplicate = 0;  ///< 0..1
};

/// Time, the Internet, the address server and two STUN addresses.
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  Now now() const {
    return {steady_, WallTime(std::chrono::seconds(1'700'000'000)) + steady_.time_since_epoch()};
  }
  RandomSource& random() { return random_; }
  void after(Duration delay, std::function<void()> task);
  /// Runs until nothing is due within `span`.
  void run_for(Duration span);
  /// Runs until `condition` holds, checked after each event; false if it does not within `limit`.
  bool run_until(const std::function<bool()>& condition, Duration limit);

  /// A node behind `nat` (null: on the public network). Its address must be unique in the world.
  SimNode& add_node(const std::string& name, net::IpAddress address, Nat* nat);
  Nat& add_nat(net::IpAddress outside, Behaviour mapping, Behaviour filtering);
  SimNode& node(std::size_t index) { return *nodes_[index]; }
  std::size_t nodes() const { return nodes_.size(); }

  // ---- the datagram network ----
  Weather weather;
  /// From a base of a node, with its private source address.
  void send_datagram(SimNode& from, const net::Endpoint& source, const net::Endpoint& to, Bytes bytes);
  std::uint64_t datagrams_delivered = 0, datagrams_lost = 0, datagrams_filtered = 0;

  // ---- the server ----
  bool server_is_up = true;
  std::string make_token();
  server::ConnectionId open_connection(SimNode& node);
  void send_to_server(server::ConnectionId connection, std::string line);
  void close_from_node(server::ConnectionId connection);
  /// Ends every connection at once, as a crash does; durable facts stay.
  void crash_server();
  void restart_server();
  const std::vector<net::Endpoint>& stun_servers() const { return stun_servers_; }

 private:
  void serve_stun(std::size_t server, const net::Endpoint& from, Bytes bytes);
  void deliver(const net::Endpoint& from, const net::Endpoint& to, Bytes bytes);
  void pump_server();
  Duration travel_time();

  SeededRandom random_;
  SteadyTime steady_{std::chrono::hours(1)};
  std::uint64_t next_event_ = 0;
  std::map<std::pair<SteadyTime, std::uint64_t>, std::function<void()>> events_;
  std::vector<std::unique_ptr<Nat>> nats_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<net::Endpoint> stun_servers_;

  server::ServerSettings settings_;
  server::MemoryStore store_;
  std::unique_ptr<server::ServerCore> server_;
  std::map<server::ConnectionId, SimNode*> connections_;
  std::uint64_t next_connection_ = 1;
  std::string last_control_reply_;
  std::optional<SteadyTime> server_timer_;
};

}  // namespace causeway::sim
