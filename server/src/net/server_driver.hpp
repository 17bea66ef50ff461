#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "server/src/core/server_core.hpp"
#include "server/src/net/descriptor.hpp"
#include "server/src/net/stream_connection.hpp"
#include "server/src/net/stun_responder.hpp"
#include "server/src/net/tls.hpp"
#include "server/src/storage/state_directory.hpp"

namespace causeway::server {

/// Carries out what ServerCore decides: sockets, TLS, clock, store. One thread, which is the one that calls
/// run().
class ServerDriver {
 public:
  static constexpr auto kLineLimit = std::chrono::seconds(10);  // from a line's first byte to its last
  static constexpr auto kCloseLimit =
      std::chrono::seconds(5);  // for a reader to take what is queued before the close

  /// Binds everything; the error says what to do. `lock` is held as long as the driver lives.
  static Result<std::unique_ptr<ServerDriver>> start(const StateDirectory& directory);
  /// Until SIGTERM or SIGINT; then every node is told, what waits is stored, and it returns.
  void run();
  std::string ready_line() const;

 private:
  struct Client {
    std::shared_ptr<StreamConnection> stream;
    bool is_control = false;
  };
  struct Closing {
    std::shared_ptr<StreamConnection> stream;
    SteadyTime since;
  };
  ServerDriver(FileLock lock, TlsContext tls, std::unique_ptr<SqliteStore> store);
  std::optional<Error> open(const StateDirectory& directory, ServerSettings settings);

  void accept_nodes();
  void accept_control();
  void pause_accept();
  void add_node(int descriptor, const net::IpAddress& source);
  void add_control(int descriptor);
  StreamConnection::Events events_of(ConnectionId id);
  void on_tick();
  void arm_timer();
  void stop();
  /// Carries out the actions that wait, and sets the timer. After every event.
  void act();
  void perform(SendLine& action);
  void perform(Close& action);
  void perform(RaiseLineLimit& action);
  void perform(Commit& action);

  FileLock lock_;
  TlsContext tls_;
  SystemRandom random_;
  boost::asio::io_context io_{1};
  boost::asio::posix::stream_descriptor listener_{io_};
  boost::asio::posix::stream_descriptor control_{io_};
  boost::asio::steady_timer timer_{io_};
  boost::asio::steady_timer accept_timer_{io_};
  boost::asio::signal_set signals_{io_};
  std::vector<std::unique_ptr<StunListener>> stun_;
  std::unique_ptr<ServerCore> core_;
  std::unordered_map<ConnectionId, Client> clients_;
  std::vector<Closing> closing_;
  std::uint64_t last_id_ = 0;
  bool acting_ = false;
  bool stopping_ = false;
  std::string control_path_;
  SteadyTime next_sweep_{};
  std::optional<SteadyTime> armed_for_;
  /// Last: its thread posts to io_, and its end writes what waits.
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace causeway::server
