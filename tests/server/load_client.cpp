#include "load_client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "protocol/rpc.hpp"

namespace causeway::server_test {
namespace {

constexpr auto kConnectPatience = std::chrono::seconds(5);

SSL_CTX* client_context() {
  static SSL_CTX* const context = [] {
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX* made = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
    SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    return made;
  }();
  return context;
}

bool poll_until(int descriptor, short events, SteadyTime until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - read_clocks().steady).count();
    pollfd waiting{descriptor, events, 0};
    const int found = ::poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
    if (found > 0) return true;
    if (found == 0 || errno != EINTR) return false;
  }
}

}  // namespace

net::FileDescriptor connect_tcp(const net::Endpoint& server, const net::IpAddress& source,
                                int receive_buffer_bytes) {
  sockaddr_storage storage{};
  unsigned length = net::Endpoint{source, 0}.to_sockaddr(storage);
  net::FileDescriptor made(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer_bytes > 0) {
    ::setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  if (::bind(made.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) return {};
  length = server.to_sockaddr(storage);
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0) return made;
  if (errno != EINPROGRESS) return {};
  if (!poll_until(made.get(), POLLOUT, read_clocks().steady + kConnectPatience)) return {};
  int problem = 0;
  socklen_t size = sizeof problem;
  ::getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
  return problem == 0 ? std::move(made) : net::FileDescriptor();
}

bool ends_within(int descriptor, Duration patience) {
  const SteadyTime until = read_clocks().steady + patience;
  std::array<char, 16384> away;
  while (poll_until(descriptor, POLLIN, until)) {
    const ssize_t count = ::recv(descriptor, away.data(), away.size(), MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return true;
  }
  return false;
}

// ---- connection ----

std::unique_ptr<LineClient> LineClient::open(const net::Endpoint& server, const net::IpAddress& source,
                                             int receive_buffer_bytes) {
  auto socket = connect_tcp(server, source, receive_buffer_bytes);
  if (!socket) return nullptr;
  SSL* tls = SSL_new(client_context());
  SSL_set_fd(tls, socket.get());
  std::unique_ptr<LineClient> made(new LineClient(std::move(socket), tls));
  const SteadyTime until = read_clocks().steady + kPatience;
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(tls);
    if (result == 1) return made;
    if (!made->wait(result, until)) return nullptr;
  }
}

LineClient::LineClient(net::FileDescriptor socket, ssl_st* tls) : socket_(std::move(socket)), tls_(tls) {}

LineClient::~LineClient() { SSL_free(tls_); }

/// Waits for what the TLS call needs. False: the connection is over, or the time is.
bool LineClient::wait(int result, SteadyTime until) {
  switch (SSL_get_error(tls_, result)) {
    case SSL_ERROR_WANT_READ:
      return poll_until(socket_.get(), POLLIN, until);
    case SSL_ERROR_WANT_WRITE:
      return poll_until(socket_.get(), POLLOUT, until);
    default:
      ended_ = true;
      return false;
  }
}

Bytes LineClient::exporter() const {
  Bytes value(protocol::kExporterBytes);
  SSL_export_keying_material(tls_, value.data(), value.size(), protocol::kExporterLabel.data(),
                             protocol::kExporterLabel.size(), nullptr, 0, 0);
  return value;
}

bool LineClient::send(std::string_view bytes) {
  const SteadyTime until = read_clocks().steady + kPatience;
  while (!bytes.empty() && !ended_) {
    ERR_clear_error();
    std::size_t written = 0;
    const int result = SSL_write_ex(tls_, bytes.data(), bytes.size(), &written);
    if (result == 1) {
      bytes.remove_prefix(written);
    } else if (!wait(result, until)) {
      return false;
    }
  }
  return !ended_;
}

std::optional<std::string> LineClient::read_line(Duration patience) {
  const SteadyTime until = read_clocks().steady + patience;
  std::array<char, 16384> block;
  while (true) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (ended_) return std::nullopt;
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(tls_, block.data(), block.size(), &count);
    if (result == 1) {
      buffer_.append(block.data(), count);
    } else if (!wait(result, until)) {
      return std::nullopt;
    }
  }
}

std::optional<Json> LineClient::call(std::string_view method, const Json& params) {
  const std::uint64_t id = ++last_id_;
  if (!send(protocol::make_request(id, method, params) + "\n")) return std::nullopt;
  while (const auto line = read_line()) {
    Json message = Json::parse(*line);
    if (message.value("id", Json()) == Json(id)) return message;
    if (message.contains("method")) notifications.push_back(std::move(message));
  }
  return std::nullopt;
}

bool LineClient::ends_within(Duration patience) {
  const SteadyTime until = read_clocks().steady + patience;
  while (!ended_ && read_clocks().steady < until) {
    if (read_line(until - read_clocks().steady)) continue;
  }
  return ended_;
}

void LineClient::send_close_notify() { SSL_shutdown(tls_); }

void LineClient::half_close() { ::shutdown(socket_.get(), SHUT_WR); }

void LineClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.reset();
  ended_ = true;
}

// ---- node ----

ScriptedNode::ScriptedNode(RandomSource& random, std::string node_name)
    : name(std::move(node_name)), keys(crypto::generate_identity(random)) {}

std::optional<Json> ScriptedNode::authenticate(LineClient& client,
                                               const std::optional<std::string>& secret) const {
  protocol::AuthenticateParams params;
  params.network = network;
  params.identity = keys.public_key;
  params.signature = crypto::sign(keys.secret, protocol::authentication_payload(network, client.exporter()));
  params.token = secret;
  params.name = name;
  params.version = "test";
  return client.call("authenticate", params.to_json());
}

std::optional<Json> ScriptedNode::register_node(LineClient& client) const {
  protocol::RegisterParams params;
  for (std::size_t index = 0; index < candidates; ++index) {
    const auto port = static_cast<std::uint16_t>(4000 + index);
    params.candidates.push_back({"host", "udp", {*net::IpAddress::parse("192.0.2.10"), port}, "f1", 1000});
  }
  return client.call("register", params.to_json());
}

std::optional<Json> ScriptedNode::publish(LineClient& client, const std::string& address,
                                          std::uint64_t record_serial) const {
  protocol::NodeRecord record;
  record.network = network;
  record.name = name;
  record.identity = keys.public_key;
  record.virtual_addresses = {*net::IpAddress::parse(address)};
  record.abilities = {"wireguard"};
  record.serial = record_serial;
  record.expires = read_clocks().wall + std::chrono::hours(24);
  return client.call("update", protocol::UpdateParams{{}, protocol::sign(record, keys.secret)}.to_json());
}

std::optional<std::string> ScriptedNode::join(LineClient& client, const std::optional<std::string>& secret) {
  if (code_of(authenticate(client, secret)) != 0) return std::nullopt;
  const auto registered = register_node(client);
  if (code_of(registered) != 0) return std::nullopt;
  const std::string address = (*registered)["result"]["virtual_address"];
  if (code_of(publish(client, address, ++serial)) != 0) return std::nullopt;
  return address;
}

int code_of(const std::optional<Json>& reply) {
  if (!reply) return -1;
  return reply->contains("error") ? (*reply)["error"]["code"].get<int>() : 0;
}

}  // namespace causeway::server_test
