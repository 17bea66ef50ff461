#include "daemon/control_socket.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/log.hpp"
#include "net/file_descriptor.hpp"
#include "protocol/line_reader.hpp"
#include "protocol/rpc.hpp"
#include "store/file.hpp"

namespace causeway::daemon {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;
using Json = nlohmann::json;

namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds(200);  // when descriptors ran out

PeerCredentials credentials_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  // Unknown is nobody: no right follows from it.
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return {static_cast<uid_t>(-1), 0};
  return {credentials.uid, credentials.pid};
}

/// Does a process accept connections there?
bool is_answered(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const net::FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return false;
  // EAGAIN: somebody listens and is busy.
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

/// Before anybody can connect.
Result<void> give_to_group(const std::filesystem::path& path, const std::string& name) {
  std::vector<char> room(16 * 1024);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr)
    return Error{
        fmt::format("there is no group {}: create it (groupadd {}) or change control_group", name, name)};
  const auto give = [&](const std::filesystem::path& what, mode_t mode) {
    return ::chown(what.c_str(), static_cast<uid_t>(-1), entry.gr_gid) == 0 &&
           ::chmod(what.c_str(), mode) == 0;
  };
  // Through the folder, and no further: its files are the daemon's alone.
  if (!give(path, 0660) || !give(path.parent_path(), 0710))
    return store::file_error("give the group its rights of", path, errno);
  return {};
}

}  // namespace

class ControlSocket::Server : public std::enable_shared_from_this<Server> {
 public:
  Server(asio::io_context& context, Handler handler, const Limits& limits)
      : limits_(limits), handler_(std::move(handler)), acceptor_(context), pause_(context) {}

  Result<void> listen(const std::filesystem::path& path);
  void close();
  void forget(const std::shared_ptr<Client>& client) { clients_.erase(client); }
  std::size_t connections() const { return clients_.size(); }
  const Limits& limits() const { return limits_; }
  const Handler& handler() const { return handler_; }
  /// Why `caller` may not call `method`; nullopt: it may.
  std::optional<protocol::RpcError> refusal(const std::string& method, const PeerCredentials& caller) const;

 private:
  void accept();

  Limits limits_;
  Handler handler_;
  stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::filesystem::path path_;
  std::set<std::shared_ptr<Client>> clients_;
};

/// One connection.
class ControlSocket::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(stream_protocol::socket socket, std::weak_ptr<ControlSocket::Server> server,
         std::size_t max_line_bytes);
  void start() { read(); }
  void close();

 private:
  void read();
  void serve_lines();
  void serve(const std::string& line);
  void send(std::string line);
  void write();

  stream_protocol::socket socket_;
  std::weak_ptr<ControlSocket::Server> server_;
  PeerCredentials caller_;
  protocol::LineReader lines_;
  std::array<char, 8192> block_{};
  std::size_t in_flight_ = 0;
  bool is_reading_ = false;
  bool is_closed_ = false;
  bool has_ended_ = false;  ///< the client sends no more; it still gets its answers
  std::string queued_;
  std::string writing_;
};

// ---- server ----

Result<void> ControlSocket::Server::listen(const std::filesystem::path& path) {
  if (path.native().size() >= sizeof(sockaddr_un::sun_path)) {
    return Error{fmt::format("{} is too long for a socket: choose a shorter --dir", path.string())};
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return Error{fmt::format("{} is in the way and no socket: remove it", path.string())};
    if (is_answered(path))
      return Error{fmt::format("another daemon answers at {}: stop it first", path.string())};
    if (::unlink(path.c_str()) != 0) return store::file_error("remove", path, errno);
  }
  ErrorCode error;
  acceptor_.open(stream_protocol(), error);
  if (!error) {
    // The mode counts from the moment of bind(): nobody else gets in between.
    const mode_t before = ::umask(0177);
    acceptor_.bind(stream_protocol::endpoint(path.string()), error);
    ::umask(before);
  }
  if (!error) path_ = path;
  if (!error && limits_.group) {
    if (auto given = give_to_group(path, *limits_.group); !given) return given;
  }
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return store::file_error("listen at", path, error.value());
  accept();
  return {};
}

void ControlSocket::Server::accept() {
  acceptor_.async_accept([self = shared_from_this()](const ErrorCode& error, stream_protocol::socket socket) {
    if (!self->acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors or the like: going on at once would spin.
      self->pause_.expires_after(kAcceptPause);
      self->pause_.async_wait([self](const ErrorCode& cancelled) {
        if (!cancelled && self->acceptor_.is_open()) self->accept();
      });
      return;
    }
    if (self->clients_.size() < self->limits_.connections) {
      auto client = std::make_shared<Client>(std::move(socket), self, self->limits_.line_bytes);
      self->clients_.insert(client);
      client->start();
    }
    self->accept();
  });
}

std::optional<protocol::RpcError> ControlSocket::Server::refusal(const std::string& method,
                                                                 const PeerCredentials& caller) const {
  if (handler_.read_only_methods.contains(method)) return std::nullopt;
  if (!handler_.changing_methods.contains(method)) {
    return protocol::RpcError{
        protocol::ErrorCode::method_not_found,
        fmt::format("the daemon does not know the command {}: is it of another version?",
                    method.substr(0, 64))};
  }
  if (caller.uid == 0 || caller.uid == ::geteuid()) return std::nullopt;
  return protocol::RpcError{protocol::ErrorCode::refused,
                            "only root or the daemon's user may change something: use sudo"};
}

void ControlSocket::Server::close() {
  ErrorCode ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (const auto& client : std::exchange(clients_, {}))
    client->close();
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

// ---- client ----

ControlSocket::Client::Client(stream_protocol::socket socket, std::weak_ptr<ControlSocket::Server> server,
                              std::size_t max_line_bytes)
    : socket_(std::move(socket)),
      server_(std::move(server)),
      caller_(credentials_of(socket_.native_handle())),
      lines_(max_line_bytes) {}

void ControlSocket::Client::close() {
  if (std::exchange(is_closed_, true)) return;
  ErrorCode ignored;
  socket_.close(ignored);
  if (const auto server = server_.lock()) server->forget(shared_from_this());
}

void ControlSocket::Client::read() {
  const auto server = server_.lock();
  if (!server || is_closed_ || is_reading_ || has_ended_ || in_flight_ >= server->limits().requests_in_flight)
    return;
  is_reading_ = true;
  socket_.async_read_some(
      asio::buffer(block_), [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
        self->is_reading_ = false;
        if (self->is_closed_) return;
        if (error) {
          self->has_ended_ = true;
          if (error != asio::error::eof || (self->in_flight_ == 0 && self->writing_.empty())) self->close();
          return;
        }
        self->lines_.append(as_bytes({self->block_.data(), size}));
        self->serve_lines();
      });
}

void ControlSocket::Client::serve_lines() {
  const auto server = server_.lock();
  if (!server) return close();
  while (!is_closed_ && in_flight_ < server->limits().requests_in_flight) {
    const auto line = lines_.next();
    if (!line) break;
    serve(*line);
  }
  if (is_closed_) return;
  if (lines_.failed()) {
    log::debug("control", "dropped a client (pid {}): line too long", caller_.pid);
    return close();
  }
  read();
}

void ControlSocket::Client::serve(const std::string& line) {
  const auto server = server_.lock();
  auto message = protocol::parse_message(line, {.bytes = server->limits().line_bytes, .string_bytes = 8192});
  if (!message) return send(protocol::make_error(message.error().id, message.error().error));
  auto* request = std::get_if<protocol::Request>(&*message);
  if (request == nullptr) return;  // nothing is asked
  if (const auto refused = server->refusal(request->method, caller_))
    return send(protocol::make_error(request->id, *refused));

  ++in_flight_;
  const auto answered = std::make_shared<bool>(false);
  const std::uint64_t id = request->id;
  auto done = [weak = weak_from_this(), answered, id](Result<Json> result) {
    const auto self = weak.lock();
    if (!self || self->is_closed_ || std::exchange(*answered, true)) return;
    --self->in_flight_;
    self->send(result
                   ? protocol::make_result(id, *result)
                   : protocol::make_error(id, {protocol::ErrorCode::internal_error, result.error().message}));
    // Posted: a handler that answers at once must not recurse through a long pipeline of requests.
    asio::post(self->socket_.get_executor(), [self] {
      if (!self->is_closed_) self->serve_lines();
    });
  };
  auto progress = [weak = weak_from_this(), answered, id](const Json& params) {
    const auto self = weak.lock();
    if (!self || self->is_closed_ || *answered || !self->queued_.empty()) return;
    Json with_id = params.is_object() ? params : Json::object();
    with_id["id"] = id;
    self->send(protocol::make_notification("progress", with_id));
  };
  try {
    server->handler().call(request->method, request->params, caller_, done, std::move(progress));
  } catch (const std::exception& error) {
    // A mistake of ours in one method: it costs its caller an answer, and not the node its tunnels.
    log::error("control", "{} failed: {}", request->method, error.what());
    done(Error{fmt::format("{} failed in the daemon: {}; please report this with its log", request->method,
                           error.what())});
  }
}

void ControlSocket::Client::send(std::string line) {
  const auto server = server_.lock();
  if (is_closed_ || !server) return;
  if (queued_.size() + line.size() + 1 > server->limits().queued_bytes) {
    log::debug("control", "dropped a client (pid {}): it does not read", caller_.pid);
    return close();
  }
  queued_ += line;
  queued_ += '\n';
  if (writing_.empty()) write();
}

void ControlSocket::Client::write() {
  writing_ = std::exchange(queued_, {});
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                      self->writing_.clear();
                      if (self->is_closed_) return;
                      if (error) return self->close();
                      if (!self->queued_.empty()) return self->write();
                      if (self->has_ended_ && self->in_flight_ == 0) self->close();
                    });
}

// ---- the public face ----

ControlSocket::ControlSocket(std::shared_ptr<Server> server) : server_(std::move(server)) {}

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(asio::io_context& context,
                                                           const std::filesystem::path& socket,
                                                           Handler handler, const Limits& limits) {
  std::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of its own write
  auto server = std::make_shared<Server>(context, std::move(handler), limits);
  if (const auto listening = server->listen(socket); !listening) return listening.error();
  return std::unique_ptr<ControlSocket>(new ControlSocket(std::move(server)));
}

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(asio::io_context& context,
                                                           const std::filesystem::path& socket,
                                                           Handler handler) {
  return open(context, socket, std::move(handler), Limits());
}

ControlSocket::~ControlSocket() { server_->close(); }

std::size_t ControlSocket::connections() const { return server_->connections(); }

}  // namespace causeway::daemon
