#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/ed25519.hpp"
#include "net/endpoint.hpp"
#include "net/file_descriptor.hpp"
#include "protocol/json.hpp"
#include "protocol/messages.hpp"

struct ssl_st;

/// What real-process tests and load runs talk to a causeway-server with.
namespace causeway::server_test {

using protocol::Json;

/// TCP from `source`, any address of 127.0.0.0/8 or of this machine; empty when it is refused. Non-blocking.
net::FileDescriptor connect_tcp(const net::Endpoint& server, const net::IpAddress& source,
                                int receive_buffer_bytes = 0);
/// True when the other side ended it before `patience` is over. What it sends is read away.
bool ends_within(int descriptor, Duration patience);

/// One TLS connection, driven by hand. Every wait is bounded; the server's key is not checked. One thread at
/// a time.
class LineClient {
 public:
  static constexpr auto kPatience = std::chrono::seconds(10);

  /// None: refused, or ended before TLS was up.
  static std::unique_ptr<LineClient> open(const net::Endpoint& server, const net::IpAddress& source,
                                          int receive_buffer_bytes = 0);
  ~LineClient();

  Bytes exporter() const;
  /// Bytes as they are, in one TLS record up to 16 KiB. False: the connection is over, or takes nothing for
  /// kPatience.
  bool send(std::string_view bytes);
  /// Without the LF. None: it ended, or no whole line came in time.
  std::optional<std::string> read_line(Duration patience = kPatience);
  /// The reply to it; notifications on the way are kept. None: the connection ended, or no reply came in
  /// time.
  std::optional<Json> call(std::string_view method, const Json& params);
  /// Reads everything away. True: the server ended the connection within that time.
  bool ends_within(Duration patience);
  bool has_ended() const { return ended_; }

  void send_close_notify();
  /// Ends our direction of TCP only.
  void half_close();
  /// Ends it by RST.
  void reset();

  std::vector<Json> notifications;

 private:
  LineClient(net::FileDescriptor socket, ssl_st* tls);
  bool wait(int result, SteadyTime until);

  net::FileDescriptor socket_;
  ssl_st* tls_;
  std::string buffer_;
  std::uint64_t last_id_ = 0;
  bool ended_ = false;
};

/// Who a scripted node is, and the messages that need its key.
struct ScriptedNode {
  ScriptedNode(RandomSource& random, std::string node_name);

  std::optional<Json> authenticate(LineClient& client, const std::optional<std::string>& secret) const;
  std::optional<Json> register_node(LineClient& client) const;
  std::optional<Json> publish(LineClient& client, const std::string& address, std::uint64_t serial) const;
  /// Authenticates, registers and publishes its record; the virtual address, or none where one of them fails.
  std::optional<std::string> join(LineClient& client, const std::optional<std::string>& secret);

  std::string network = "home";
  std::string name;
  crypto::IdentityKeys keys;
  std::size_t candidates = 1;  ///< how many it tells, at most 32
  std::uint64_t serial = 0;
};

/// 0: a result; else the code of the error. -1: no reply at all.
int code_of(const std::optional<Json>& reply);

}  // namespace causeway::server_test
