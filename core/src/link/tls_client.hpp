#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "protocol/join_token.hpp"

namespace boost::asio {
class io_context;
}

namespace causeway::link {

/// The driver of ServerLinkFsm: obeys its actions on a real socket. One connection at a time; runs on the
/// io_context, which outlives it. Callbacks come from the io_context, never from inside open(), send() or
/// close(), and none comes after close() or destruction. A callback may call close() or open().
class TlsClient {
 public:
  struct Callbacks {
    std::function<void(ByteView exporter)> on_connected;
    std::function<void(std::string_view line)> on_line;
    std::function<void(std::string_view reason)> on_closed;  ///< once; the connection is gone
  };
  struct Options {
    /// Called with each socket before it connects (SO_MARK, device binding).
    std::function<void(int socket)> prepare_socket;
    Duration connect_timeout = std::chrono::seconds(5);  ///< of each address that the host has
    Duration handshake_timeout = std::chrono::seconds(5);
    std::size_t max_queued_bytes = 1024 * 1024;  ///< a server that reads no more is lost
  };
  TlsClient(boost::asio::io_context& context, Callbacks callbacks);
  TlsClient(boost::asio::io_context& context, Callbacks callbacks, Options options);
  ~TlsClient();

  /// Replaces the connection there is. `token` says how the server is known: by its pins, or else by `ca`.
  void open(const std::string& host, std::uint16_t port, const protocol::JoinToken& token);
  /// One message without its LF; nothing before on_connected.
  void send(std::string_view line);
  void close();
  /// What the connection is bound to; nullopt without one.
  std::optional<net::IpAddress> local_address() const;

 private:
  class Connection;
  boost::asio::io_context& context_;
  std::shared_ptr<Callbacks> callbacks_;
  Options options_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace causeway::link
