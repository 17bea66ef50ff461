#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "net/endpoint.hpp"
#include "relay/stream_carrier.hpp"

namespace boost::asio {
class io_context;
}

namespace causeway::relay {

struct StreamOptions {
  net::IpAddress local = {};  ///< of the base's NIC
  std::string device = {};    ///< that NIC; empty: as the routes say
  net::Endpoint server = {};
  bool is_tls = false;
  std::string server_name = {};  ///< TLS: to ask for (SNI), and to verify the certificate by
  bool verify = false;
  Duration patience = std::chrono::seconds(10);  ///< for the connection, and again for the TLS handshake
};

/// A link over TCP or TLS (1.2 or later): the host's own socket, driven on the control thread's io_context.
/// The plugin's frame() cuts messages, its unwrap() takes them apart. Callbacks come from the io_context,
/// never from inside start(), and none after close() or on_closed.
class StreamLink {
 public:
  struct Callbacks {
    std::function<void()> on_open;
    std::function<void(const std::string& reason)> on_closed;  ///< once
    std::function<void(ByteView message)> on_message;
  };
  StreamLink(boost::asio::io_context& context, StreamOptions options,
             std::shared_ptr<plugin::LinkCodec> codec, Callbacks callbacks);
  ~StreamLink();
  StreamLink(const StreamLink&) = delete;
  StreamLink& operator=(const StreamLink&) = delete;

  void start();
  /// A message of the plugin's, whole; false: too many wait.
  bool send(ByteView message);
  void close();
  const std::shared_ptr<StreamCarrier>& carrier() const { return carrier_; }
  /// Where it connects from, once it is open.
  net::Endpoint local() const;

 private:
  class Connection;
  std::shared_ptr<StreamCarrier> carrier_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace causeway::relay
