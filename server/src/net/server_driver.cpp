#include "server/src/net/server_driver.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "base/log.hpp"

namespace causeway::server {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr auto kSweep = std::chrono::seconds(1);
constexpr std::size_t kReservedDescriptors = 64;  // database, listeners, logs, what libraries open
constexpr int kSendBufferBytes = 128 * 1024;      // the kernel's part of a slow reader's queue

/// As many connections as the process may have descriptors; the soft limit is raised to the hard one first.
std::size_t most_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto descriptors = static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 4'000'000));
  return descriptors > 2 * kReservedDescriptors ? descriptors - kReservedDescriptors : kReservedDescriptors;
}

}  // namespace

Result<std::unique_ptr<ServerDriver>> ServerDriver::start(const StateDirectory& directory) {
  auto settings = directory.load_settings();
  if (!settings) return settings.error();
  auto lock = directory.lock();
  if (!lock) return lock.error();
  auto tls = TlsContext::load(directory.certificate(), directory.private_key());
  if (!tls) return tls.error();
  auto store = directory.open_store();
  if (!store) return store.error();
  std::unique_ptr<ServerDriver> made(new ServerDriver(std::move(*lock), std::move(*tls), std::move(*store)));
  if (auto error = made->open(directory, std::move(*settings))) return std::move(*error);
  return made;
}

ServerDriver::ServerDriver(FileLock lock, TlsContext tls, std::unique_ptr<SqliteStore> store)
    : lock_(std::move(lock)), tls_(std::move(tls)), store_(std::move(store)) {}

std::optional<Error> ServerDriver::open(const StateDirectory& directory, ServerSettings settings) {
  auto snapshot = store_->load();
  if (!snapshot) return Error{directory.path() + "/state.db: " + snapshot.error().message};
  auto listener = listen_tcp(*net::Endpoint::parse(settings.listen));
  if (!listener) return listener.error();
  for (const auto& endpoint : settings.stun_listen) {
    auto socket = bind_udp(endpoint);
    if (!socket) return socket.error();
    stun_.push_back(std::make_unique<StunListener>(io_, std::move(*socket)));
  }
  control_path_ = directory.control_socket();
  auto control = listen_unix(control_path_);
  if (!control) return control.error();
  try {
    core_ = std::make_unique<ServerCore>(std::move(settings), std::move(*snapshot), most_connections(),
                                         random_, read_clocks());
  } catch (const std::exception& problem) {
    return Error{directory.path() + "/state.db: " + problem.what()};
  }
  listener_.assign(listener->release());
  control_.assign(control->release());
  return std::nullopt;
}

std::string ServerDriver::ready_line() const {
  return "ready: listening on " + core_->settings().listen + ", public " +
         core_->settings().public_address.to_string();
}

void ServerDriver::run() {
  std::signal(SIGPIPE, SIG_IGN);  // a write to a closed connection is an error to handle, no reason to die
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const auto& error, int) {
    if (!error) stop();
  });
  accept_nodes();
  accept_control();
  act();
  log::info("server", "{}", ready_line());
  io_.run();
  store_.reset();  // writes what waits
  log::info("server", "stopped");
}

void ServerDriver::stop() {
  log::info("server", "stopping");
  stopping_ = true;
  listener_.close();
  control_.close();
  accept_timer_.cancel();
  ::unlink(control_path_.c_str());
  stun_.clear();
  core_->shut_down(read_clocks());
  act();
}

// ---- accepting ----

void ServerDriver::pause_accept() {
  accept_timer_.expires_after(kAcceptPause);
  accept_timer_.async_wait([this](const auto& error) {
    if (!error && !stopping_) accept_nodes();
  });
}

void ServerDriver::accept_nodes() {
  listener_.async_wait(listener_.wait_read, [this](const auto& error) {
    if (error || stopping_) return;
    for (int turn = 0; turn < kAcceptsPerTurn; ++turn) {
      sockaddr_storage storage{};
      socklen_t length = sizeof storage;
      const int descriptor = ::accept4(listener_.native_handle(), reinterpret_cast<sockaddr*>(&storage),
                                       &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          log::warning("server", "accept: {}: waiting", std::generic_category().message(errno));
          return pause_accept();
        }
        break;
      }
      const auto source = net::Endpoint::from_sockaddr(storage);
      if (source) {
        add_node(descriptor, source->address);
      } else {
        ::close(descriptor);
      }
    }
    act();
    accept_nodes();
  });
}

void ServerDriver::add_node(int descriptor, const net::IpAddress& source) {
  Descriptor owned(descriptor);
  const ConnectionId id{++last_id_};
  const Admission admission = core_->on_accepted(id, source, read_clocks());
  if (admission != Admission::admitted) {
    log::debug("server", "connection from {} refused: {}", source.to_string(), to_string(admission));
    return;
  }
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  auto stream = std::make_shared<StreamConnection>(io_, owned.release(), &tls_,
                                                   protocol::kLineBytesBeforeAuthentication, events_of(id));
  clients_.emplace(id, Client{stream});
  stream->start();
}

void ServerDriver::accept_control() {
  control_.async_wait(control_.wait_read, [this](const auto& error) {
    if (error || stopping_) return;
    const int descriptor =
        ::accept4(control_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) add_control(descriptor);
    act();
    accept_control();
  });
}

void ServerDriver::add_control(int descriptor) {
  const ConnectionId id{++last_id_};
  core_->on_control_opened(id, read_clocks());
  auto stream =
      std::make_shared<StreamConnection>(io_, descriptor, nullptr, protocol::kLineBytes, events_of(id));
  clients_.emplace(id, Client{stream, true});
  stream->start();
}

StreamConnection::Events ServerDriver::events_of(ConnectionId id) {
  StreamConnection::Events events;
  events.on_secured = [this, id](ByteView exporter) {
    core_->on_secured(id, exporter, read_clocks());
    act();
  };
  events.on_line = [this, id](std::string_view line) {
    core_->on_line(id, line, read_clocks());
    act();
  };
  events.on_line_too_long = [this, id] {
    core_->on_line_too_long(id, read_clocks());
    act();
  };
  events.on_ended = [this, id] {
    core_->on_closed(id, read_clocks());
    clients_.erase(id);
    act();
  };
  return events;
}

// ---- time ----

void ServerDriver::arm_timer() {
  SteadyTime next = next_sweep_;
  if (const auto wanted = core_->next_timeout()) next = std::min(next, *wanted);
  if (armed_for_ && *armed_for_ <= next) return;
  armed_for_ = next;
  timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(next));
  timer_.async_wait([this](const auto& error) {
    if (error) return;
    armed_for_.reset();
    on_tick();
  });
}

void ServerDriver::on_tick() {
  const Now now = read_clocks();
  core_->on_timeout(now);
  if (now.steady >= next_sweep_) {
    next_sweep_ = now.steady + kSweep;
    std::vector<ConnectionId> slow;
    for (const auto& [id, client] : clients_) {
      const auto since = client.stream->line_since();
      if (!client.is_control && since && *since + kLineLimit <= now.steady) slow.push_back(id);
    }
    for (const ConnectionId id : slow) {
      clients_.at(id).stream->drop();
      clients_.erase(id);
      core_->on_closed(id, now);
    }
    std::erase_if(closing_, [&now](const Closing& entry) {
      if (entry.stream->is_open() && entry.since + kCloseLimit > now.steady) return false;
      entry.stream->drop();
      return true;
    });
  }
  act();
}

// ---- actions ----

void ServerDriver::act() {
  if (std::exchange(acting_, true)) return;
  while (auto action = core_->poll_action()) {
    std::visit([this](auto& one) { perform(one); }, *action);
  }
  acting_ = false;
  const bool finished =
      stopping_ && core_->pending_commits() == 0 &&
      std::none_of(closing_.begin(), closing_.end(), [](auto& entry) { return entry.stream->is_open(); });
  if (finished) return io_.stop();
  arm_timer();
}

void ServerDriver::perform(SendLine& action) {
  const auto client = clients_.find(action.connection);
  if (client == clients_.end() || client->second.stream->send(*action.line)) return;
  log::info("server", "connection {} dropped: reads too slowly",
            static_cast<std::uint64_t>(action.connection));
  client->second.stream->drop();
  clients_.erase(client);
  core_->on_closed(action.connection, read_clocks());
}

void ServerDriver::perform(Close& action) {
  const auto client = clients_.find(action.connection);
  if (client == clients_.end()) return;
  log::debug("server", "connection {} closed: {}", static_cast<std::uint64_t>(action.connection),
             action.reason);
  auto stream = std::move(client->second.stream);
  clients_.erase(client);
  stream->close();
  if (stream->is_open()) closing_.push_back({std::move(stream), read_clocks().steady});
}

void ServerDriver::perform(RaiseLineLimit& action) {
  if (const auto client = clients_.find(action.connection); client != clients_.end()) {
    client->second.stream->raise_line_limit();
  }
}

void ServerDriver::perform(Commit& action) {
  store_->commit(std::move(action.changes), [this, id = action.id](const std::optional<Error>& problem) {
    boost::asio::post(io_, [this, id, stored = !problem] {
      core_->on_committed(id, stored, read_clocks());
      act();
    });
  });
}

}  // namespace causeway::server
