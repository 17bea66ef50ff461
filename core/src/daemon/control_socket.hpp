#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace boost::asio {
class io_context;
}

namespace causeway::daemon {

/// Who is at the other end of the socket, as the kernel says (SO_PEERCRED).
struct PeerCredentials {
  uid_t uid = 0;
  pid_t pid = 0;
};

/// The daemon's end of DIR/causeway.sock: JSON-RPC 2.0, one message per line, many requests per connection.
/// Decides who may call what, bounds what clients can cost, and hands requests to one handler. Runs on the
/// io_context, which outlives it.
class ControlSocket {
 public:
  using Json = nlohmann::json;
  /// Answers one request; may be kept and called later, once, from the same io_context. Harmless when the
  /// client, or the socket, is gone by then.
  using Completion = std::function<void(Result<Json>)>;
  /// Tells the client how far a long request is: the notification "progress" {"id", …}. Dropped when the
  /// client is slow.
  using Progress = std::function<void(const Json& params)>;
  using Call = std::function<void(const std::string& method, const Json& params,
                                  const PeerCredentials& caller, Completion done, Progress progress)>;
  /// What can be called. The sets are checked before `call` is.
  struct Handler {
    std::set<std::string> read_only_methods;  ///< everybody who can connect may call these
    std::set<std::string>
        changing_methods;  ///< root and our own uid only; whatever is in neither set is unknown
    Call call;
  };
  struct Limits {
    std::size_t connections = 32;
    std::size_t line_bytes = 64 * 1024;
    std::size_t queued_bytes = 8 * 1024 * 1024;  ///< a client that reads no more is dropped beyond this
    std::size_t requests_in_flight = 16;         ///< of one client; then it waits
    /// Its members may connect, and so call what only reads; nullopt: the daemon's user and root alone.
    std::optional<std::string> group = {};
  };

  /// Binds and listens, mode 0600, or 0660 with a group. A socket file that nobody answers at is removed; one
  /// that somebody answers at is an error.
  static Result<std::unique_ptr<ControlSocket>> open(boost::asio::io_context& context,
                                                     const std::filesystem::path& socket, Handler handler,
                                                     const Limits& limits);
  static Result<std::unique_ptr<ControlSocket>> open(boost::asio::io_context& context,
                                                     const std::filesystem::path& socket, Handler handler);
  /// Ends all connections and removes the socket file.
  ~ControlSocket();

  std::size_t connections() const;

 private:
  class Server;
  class Client;
  explicit ControlSocket(std::shared_ptr<Server> server);
  std::shared_ptr<Server> server_;
};

}  // namespace causeway::daemon
