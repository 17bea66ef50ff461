#include "relay/stream_link.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <system_error>
#include <vector>

#include "relay/stream_transfer.hpp"

namespace causeway::relay {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

constexpr unsigned kReadsPerWakeup = 8;  // then others get their turn
/// Unsent bytes that the kernel may hold: more would only make what is behind them late.
constexpr int kNotSentBytes = 64 * 1024;
// A relay that vanished without a word is noticed after 15 s of silence and 3 probes, or 20 s of data that
// nobody acknowledges.
constexpr int kIdleSeconds = 15, kProbeSeconds = 3, kProbes = 3, kUnacknowledgedMilliseconds = 20'000;

tcp::endpoint to_asio(const net::Endpoint& endpoint) {
  tcp::endpoint result;
  sockaddr_storage storage{};
  const unsigned size = endpoint.to_sockaddr(storage);
  result.resize(size);
  std::memcpy(result.data(), &storage, size);
  return result;
}

std::string text_of(int error) { return std::generic_category().message(error); }

/// Failing to set one of these costs comfort, not function.
void tune(int socket) {
  const auto set = [socket](int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMilliseconds);
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSentBytes);
}

}  // namespace

/// Kept alive by its own pending operations; `is_over_`: closed, nothing is called any more.
class StreamLink::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& context, StreamOptions options, std::shared_ptr<StreamCarrier> carrier,
             Callbacks callbacks)
      : options_(std::move(options)),
        carrier_(std::move(carrier)),
        callbacks_(std::move(callbacks)),
        socket_(context),
        outgoing_(context),
        timer_(context),
        cutter_(carrier_->codec()) {}

  void start();
  void close();
  const net::Endpoint& local() const { return local_; }

 private:
  void on_connected(const ErrorCode& error);
  void handshake();
  void opened();
  void read();
  bool take_messages();
  void wait_for_outgoing();
  void write();
  void wait(tcp::socket::wait_type what, void (Connection::*then)());
  void expire_after(Duration time, std::string reason);
  void fail(const std::string& reason);

  StreamOptions options_;
  std::shared_ptr<StreamCarrier> carrier_;
  Callbacks callbacks_;
  tcp::socket socket_;
  asio::posix::stream_descriptor outgoing_;
  asio::steady_timer timer_;
  std::unique_ptr<StreamTransfer> transfer_;  // after socket_: gone before the descriptor closes
  StreamCutter cutter_;
  std::vector<std::uint8_t> pending_;
  std::size_t written_ = 0;  // of pending_
  net::Endpoint local_;
  bool is_open_ = false;
  bool is_over_ = false;
};

void StreamLink::Connection::start() {
  const auto self = shared_from_this();
  const auto fail_later = [self](std::string reason) {
    asio::post(self->socket_.get_executor(), [self, reason = std::move(reason)] { self->fail(reason); });
  };
  ErrorCode error;
  const tcp::endpoint server = to_asio(options_.server);
  socket_.open(server.protocol(), error);
  if (error) return fail_later("no socket: " + error.message());
  const int descriptor = socket_.native_handle();
  if (!options_.device.empty() &&
      ::setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, options_.device.c_str(),
                   static_cast<socklen_t>(options_.device.size() + 1)) != 0) {
    return fail_later("cannot bind to the NIC " + options_.device + ": " + text_of(errno));
  }
  socket_.bind(to_asio({options_.local, 0}), error);
  if (error) return fail_later("cannot bind to " + options_.local.to_string() + ": " + error.message());
  tune(descriptor);
  expire_after(options_.patience, "no answer");
  socket_.async_connect(server, [self](const ErrorCode& failure) { self->on_connected(failure); });
}

void StreamLink::Connection::on_connected(const ErrorCode& error) {
  if (is_over_) return;
  if (error) return fail(error.message());
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(socket_.native_handle(), reinterpret_cast<sockaddr*>(&storage), &length) == 0)
    local_ = net::Endpoint::from_sockaddr(storage).value_or(net::Endpoint{});
  auto made = options_.is_tls
                  ? make_tls_transfer(socket_.native_handle(), options_.server_name, options_.verify)
                  : make_plain_transfer(socket_.native_handle());
  if (!made) return fail(made.error().message);
  transfer_ = std::move(*made);
  expire_after(options_.patience, "it does not complete the TLS handshake");
  handshake();
}

void StreamLink::Connection::handshake() {
  switch (transfer_->handshake()) {
    case StreamTransfer::Status::done:
      return opened();
    case StreamTransfer::Status::wants_read:
      return wait(tcp::socket::wait_read, &Connection::handshake);
    case StreamTransfer::Status::wants_write:
      return wait(tcp::socket::wait_write, &Connection::handshake);
    case StreamTransfer::Status::failed:
      return fail(transfer_->problem());
  }
}

void StreamLink::Connection::opened() {
  timer_.cancel();
  is_open_ = true;
  outgoing_.assign(::dup(carrier_->outbox().descriptor()));
  const auto self = shared_from_this();
  callbacks_.on_open();
  if (is_over_) return;
  wait_for_outgoing();
  read();
}

// ---- in ----

void StreamLink::Connection::read() {
  const auto self = shared_from_this();
  for (unsigned round = 0; round < kReadsPerWakeup; ++round) {
    const auto got = transfer_->read(cutter_.room());
    cutter_.append(got.bytes);
    if (got.bytes > 0 && !take_messages()) return;
    switch (got.status) {
      case StreamTransfer::Status::done:
        continue;
      case StreamTransfer::Status::wants_read:
        return wait(tcp::socket::wait_read, &Connection::read);
      case StreamTransfer::Status::wants_write:
        return wait(tcp::socket::wait_write, &Connection::read);
      case StreamTransfer::Status::failed:
        return fail(transfer_->problem() + (cutter_.has_partial() ? " in the middle of a message" : ""));
    }
  }
  asio::post(socket_.get_executor(), [self] {
    if (!self->is_over_) self->read();
  });
}

/// False when the link is over.
bool StreamLink::Connection::take_messages() {
  while (true) {
    const auto messages = cutter_.next();
    if (messages.empty()) break;
    carrier_->take_apart(messages, [this](ByteView message) {
      if (!is_over_) callbacks_.on_message(message);
    });
    if (is_over_) return false;
  }
  cutter_.compact();
  if (cutter_.failed()) fail("it sent what is not its protocol");
  return !is_over_;
}

// ---- out ----

void StreamLink::Connection::wait_for_outgoing() {
  outgoing_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const ErrorCode& error) {
                         if (error || self->is_over_) return;
                         self->carrier_->outbox().take(self->pending_);
                         self->written_ = 0;
                         self->write();
                       });
}

void StreamLink::Connection::write() {
  while (written_ < pending_.size()) {
    const auto put = transfer_->write(ByteView(pending_).subspan(written_));
    written_ += put.bytes;
    switch (put.status) {
      case StreamTransfer::Status::done:
        continue;
      case StreamTransfer::Status::wants_read:
        return wait(tcp::socket::wait_read, &Connection::write);
      case StreamTransfer::Status::wants_write:
        return wait(tcp::socket::wait_write, &Connection::write);
      case StreamTransfer::Status::failed:
        return fail(transfer_->problem());
    }
  }
  wait_for_outgoing();
}

// ---- waiting and ending ----

void StreamLink::Connection::wait(tcp::socket::wait_type what, void (Connection::*then)()) {
  socket_.async_wait(what, [self = shared_from_this(), then](const ErrorCode& error) {
    if (self->is_over_) return;
    if (error) return self->fail(error.message());
    ((*self).*then)();
  });
}

void StreamLink::Connection::expire_after(Duration time, std::string reason) {
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(time));
  timer_.async_wait([self = shared_from_this(), reason = std::move(reason)](const ErrorCode& cancelled) {
    // Set anew or cancelled when this was already on its way: then it is not about us.
    if (!cancelled && !self->is_open_ && self->timer_.expiry() <= std::chrono::steady_clock::now())
      self->fail(reason);
  });
}

void StreamLink::Connection::fail(const std::string& reason) {
  if (is_over_) return;
  const auto self = shared_from_this();
  const auto on_closed = callbacks_.on_closed;
  const std::string kept = reason;
  close();
  on_closed(kept);
}

void StreamLink::Connection::close() {
  if (is_over_) return;
  is_over_ = true;
  carrier_->set_broken();
  if (transfer_) {
    // The last words (a TURN Refresh that gives the allocation back) go if the socket takes them at once.
    if (is_open_ && written_ < pending_.size()) transfer_->write(ByteView(pending_).subspan(written_));
    if (is_open_ && written_ >= pending_.size()) {
      carrier_->outbox().take(pending_);
      if (!pending_.empty()) transfer_->write(pending_);
    }
    transfer_->shut_down();
  }
  transfer_.reset();
  ErrorCode ignored;
  timer_.cancel();
  socket_.close(ignored);
  if (outgoing_.is_open()) outgoing_.close(ignored);
}

// ---- the face ----

StreamLink::StreamLink(asio::io_context& context, StreamOptions options,
                       std::shared_ptr<plugin::LinkCodec> codec, Callbacks callbacks)
    : carrier_(std::make_shared<StreamCarrier>(std::move(codec))),
      connection_(std::make_shared<Connection>(context, std::move(options), carrier_, std::move(callbacks))) {
}

StreamLink::~StreamLink() { close(); }
void StreamLink::start() { connection_->start(); }
bool StreamLink::send(ByteView message) { return carrier_->outbox().push_urgent(message); }
void StreamLink::close() { connection_->close(); }
net::Endpoint StreamLink::local() const { return connection_->local(); }

}  // namespace causeway::relay
