#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "server/src/core/server_core.hpp"
#include "server/src/storage/memory_store.hpp"
#include "tests/sim/network.hpp"

namespace causeway::sim {

class SimNode;

/// The machine of the address server: the real ServerCore over a store in memory, TCP connections that keep
/// their order and wait out a cut link, and two addresses that answer STUN.
class ServerHost {
 public:
  struct Options {
    std::string pool = "10.10.0.101-10.10.0.250";
    bool friends_only = false;
    bool ipv6 = true;  ///< false: of a version that knew no IPv6 inside
  };
  ServerHost(Schedule& schedule, Network& network, RandomSource& random, Narration& narration,
             Options options);
  ~ServerHost();

  bool is_up() const { return server_ != nullptr; }
  /// Ends every connection at once; durable facts stay.
  void crash();
  void restart();
  /// A token of one use for a node of `user`.
  std::string make_token(const std::string& user = "default");
  /// The administrator's request; its result. Throws when it is refused.
  protocol::Json administer(std::string_view method, const protocol::Json& params);
  server::Snapshot stored() { return store_.load().value(); }
  const std::vector<net::Endpoint>& stun_servers() const { return stun_servers_; }

  Now now() const;
  /// What its wall clock is wrong by.
  Duration clock_error{};

  // ---- the nodes' side of their connections ----
  server::ConnectionId open(SimNode& node, PlugId plug);
  void send(server::ConnectionId connection, std::string line);
  void close(server::ConnectionId connection);
  std::size_t connections() const { return connections_.size(); }

 private:
  /// One direction of a connection: lines in order, none before its time.
  struct Pipe {
    std::deque<std::pair<SteadyTime, std::string>> lines;
    bool is_running = false;
  };
  struct Connection {
    SimNode* node = nullptr;
    PlugId plug = PlugId::none;
    bool is_accepted = false;
    Pipe to_server, to_node;
    /// The server has closed it: told to the node after the lines before it.
    std::optional<std::string> closed_because;
  };
  enum class Direction : std::uint8_t { to_server, to_node };

  void accept(server::ConnectionId id);
  void push(server::ConnectionId id, Direction direction, std::string line);
  void run_pipe(server::ConnectionId id, Direction direction);
  void finish_close(server::ConnectionId id);
  void pump();
  void serve_stun(std::size_t index, const net::Endpoint& from, const Bytes& bytes);

  Schedule& schedule_;
  Network& network_;
  RandomSource& random_;
  Narration& narration_;
  std::vector<net::Endpoint> stun_servers_;
  std::vector<PlugId> stun_plugs_;
  server::ServerSettings settings_;
  server::MemoryStore store_;
  std::unique_ptr<server::ServerCore> server_;
  std::map<server::ConnectionId, Connection> connections_;
  std::uint64_t next_connection_ = 1;
  std::string last_control_reply_;
  std::optional<SteadyTime> timer_;
};

}  // namespace causeway::sim
