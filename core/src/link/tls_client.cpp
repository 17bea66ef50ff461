#include "link/tls_client.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "link/tls_session.hpp"
#include "protocol/line_reader.hpp"

namespace causeway::link {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

constexpr std::size_t kMaxAddresses = 8;  // of one host name
constexpr unsigned kReadsPerWakeup = 16;  // then others get their turn

}  // namespace

/// One connection from name to end. Kept alive by its own pending operations; `callbacks_` empty means:
/// closed.
class TlsClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::io_context& context, std::shared_ptr<Callbacks> callbacks, std::string host,
             std::uint16_t port, ServerTrust trust, const Options& options)
      : callbacks_(std::move(callbacks)),
        host_(std::move(host)),
        port_(port),
        trust_(std::move(trust)),
        options_(options),
        resolver_(context),
        socket_(context),
        timer_(context) {}

  void start();
  void send(std::string_view line);
  void close();
  std::optional<net::IpAddress> local_address() const;

 private:
  void on_resolved(const ErrorCode& error, const tcp::resolver::results_type& results);
  void try_next_address();
  void on_tcp_connected(const ErrorCode& error);
  void handshake();
  void read();
  void flush();
  void wait(tcp::socket::wait_type what, void (Connection::*then)());
  void expire_after(Duration time, std::string reason);
  void fail(std::string_view reason);

  std::shared_ptr<Callbacks> callbacks_;
  std::string host_;
  std::uint16_t port_;
  ServerTrust trust_;
  Options options_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::vector<tcp::endpoint> addresses_;
  std::size_t next_address_ = 0;
  std::string last_problem_;
  SslContext context_;
  Ssl ssl_;  // after socket_: freed before the descriptor closes
  bool is_ready_ = false;
  bool is_waiting_to_write_ = false;
  std::string queue_;
  std::size_t sent_ = 0;  // bytes of queue_ already written
  protocol::LineReader lines_{protocol::kLineBytes};
};

void TlsClient::Connection::start() {
  resolver_.async_resolve(
      host_, std::to_string(port_), tcp::resolver::numeric_service,
      [self = shared_from_this()](const ErrorCode& error, const tcp::resolver::results_type& results) {
        self->on_resolved(error, results);
      });
  expire_after(options_.connect_timeout, fmt::format("the name {} was not resolved in time", host_));
}

void TlsClient::Connection::on_resolved(const ErrorCode& error, const tcp::resolver::results_type& results) {
  if (!callbacks_) return;
  if (error) return fail(fmt::format("the name {} cannot be resolved: {}", host_, error.message()));
  for (const auto& entry : results) {
    if (addresses_.size() < kMaxAddresses) addresses_.push_back(entry.endpoint());
  }
  try_next_address();
}

void TlsClient::Connection::try_next_address() {
  if (next_address_ == addresses_.size()) {
    return fail(last_problem_.empty() ? "its name has no address" : last_problem_);
  }
  const tcp::endpoint address = addresses_[next_address_++];
  ErrorCode error;
  socket_.close(error);
  socket_.open(address.protocol(), error);
  if (error) return on_tcp_connected(error);
  if (options_.prepare_socket) options_.prepare_socket(socket_.native_handle());
  socket_.async_connect(address,
                        [self = shared_from_this(), attempt = next_address_](const ErrorCode& failure) {
                          // An attempt that timed out ends as cancelled while the next one runs.
                          if (self->callbacks_ && attempt == self->next_address_)
                            self->on_tcp_connected(failure);
                        });
  timer_.expires_after(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(options_.connect_timeout));
  timer_.async_wait([self = shared_from_this(), attempt = next_address_](const ErrorCode& cancelled) {
    if (cancelled || !self->callbacks_ || attempt != self->next_address_ || self->ssl_) return;
    self->last_problem_ = "no answer";
    self->try_next_address();
  });
}

void TlsClient::Connection::on_tcp_connected(const ErrorCode& error) {
  if (error) {
    last_problem_ = error.message();
    return try_next_address();
  }
  ErrorCode ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  expire_after(options_.handshake_timeout, "it does not complete the TLS handshake");
  try {
    context_ = make_client_context();
    ssl_ = make_client_session(context_.get(), socket_.native_handle(), host_, trust_);
  } catch (const std::exception& problem) {
    return fail(problem.what());
  }
  handshake();
}

void TlsClient::Connection::handshake() {
  ERR_clear_error();
  errno = 0;
  const int done = SSL_do_handshake(ssl_.get());
  if (done != 1) {
    const int error_number = errno;
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        return wait(tcp::socket::wait_read, &Connection::handshake);
      case SSL_ERROR_WANT_WRITE:
        return wait(tcp::socket::wait_write, &Connection::handshake);
      default:
        return fail(describe_tls_failure(ssl_.get(), done, error_number));
    }
  }
  if (const auto known = check_server(ssl_.get(), trust_); !known) return fail(known.error().message);
  timer_.cancel();
  is_ready_ = true;
  const auto exporter = export_channel_binding(ssl_.get());
  const auto callbacks = callbacks_;
  callbacks->on_connected(exporter);
  if (callbacks_) read();
}

void TlsClient::Connection::read() {
  std::array<std::uint8_t, 16384> block;
  for (unsigned round = 0; round < kReadsPerWakeup; ++round) {
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(ssl_.get(), block.data(), static_cast<int>(block.size()));
    if (got <= 0) {
      const int error_number = errno;
      switch (SSL_get_error(ssl_.get(), got)) {
        case SSL_ERROR_WANT_READ:
          return wait(tcp::socket::wait_read, &Connection::read);
        case SSL_ERROR_WANT_WRITE:
          return wait(tcp::socket::wait_write, &Connection::read);
        default:
          return fail(describe_tls_failure(ssl_.get(), got, error_number) +
                      (lines_.has_partial_line() ? " in the middle of a message" : ""));
      }
    }
    lines_.append({block.data(), static_cast<std::size_t>(got)});
    while (auto line = lines_.next()) {
      const auto callbacks = callbacks_;
      callbacks->on_line(*line);
      if (!callbacks_) return;
    }
    if (lines_.failed()) return fail("it sent a message longer than 64 KiB");
  }
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->callbacks_) self->read();
  });
}

void TlsClient::Connection::send(std::string_view line) {
  if (!callbacks_ || !is_ready_) return;
  if (queue_.size() - sent_ + line.size() + 1 > options_.max_queued_bytes) {
    // Posted: no callback comes from inside send().
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->fail("it reads no more"); });
    return;
  }
  queue_.append(line);
  queue_.push_back('\n');
  if (is_waiting_to_write_) return;
  is_waiting_to_write_ = true;
  // One write for all that is sent in this turn.
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->callbacks_) self->flush();
  });
}

void TlsClient::Connection::flush() {
  is_waiting_to_write_ = false;
  while (sent_ < queue_.size()) {
    ERR_clear_error();
    errno = 0;
    const auto size = static_cast<int>(std::min<std::size_t>(queue_.size() - sent_, 64 * 1024));
    const int written = SSL_write(ssl_.get(), queue_.data() + sent_, size);
    if (written <= 0) {
      const int error_number = errno;
      const int kind = SSL_get_error(ssl_.get(), written);
      if (kind != SSL_ERROR_WANT_WRITE && kind != SSL_ERROR_WANT_READ) {
        return fail(describe_tls_failure(ssl_.get(), written, error_number));
      }
      is_waiting_to_write_ = true;
      return wait(kind == SSL_ERROR_WANT_WRITE ? tcp::socket::wait_write : tcp::socket::wait_read,
                  &Connection::flush);
    }
    sent_ += static_cast<std::size_t>(written);
  }
  queue_.clear();
  sent_ = 0;
}

void TlsClient::Connection::wait(tcp::socket::wait_type what, void (Connection::*then)()) {
  socket_.async_wait(what, [self = shared_from_this(), then](const ErrorCode& error) {
    if (!self->callbacks_) return;
    if (error) return self->fail(error.message());
    ((*self).*then)();
  });
}

void TlsClient::Connection::expire_after(Duration time, std::string reason) {
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(time));
  timer_.async_wait([self = shared_from_this(), reason = std::move(reason)](const ErrorCode& cancelled) {
    // Set anew or cancelled when this was already on its way: then it is not about us.
    if (!cancelled && self->timer_.expiry() <= std::chrono::steady_clock::now() && !self->is_ready_)
      self->fail(reason);
  });
}

void TlsClient::Connection::fail(std::string_view reason) {
  const auto callbacks = callbacks_;
  if (!callbacks) return;
  const std::string kept(reason);
  close();
  callbacks->on_closed(kept);
}

void TlsClient::Connection::close() {
  if (!callbacks_) return;
  callbacks_.reset();
  if (is_ready_) {
    if (sent_ < queue_.size()) {
      // The last words (a reply that ends the conversation) go out if the socket takes them at once.
      SSL_write(ssl_.get(), queue_.data() + sent_,
                static_cast<int>(std::min<std::size_t>(queue_.size() - sent_, 64 * 1024)));
    }
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ErrorCode ignored;
  resolver_.cancel();
  timer_.cancel();
  ssl_.reset();
  socket_.close(ignored);
}

std::optional<net::IpAddress> TlsClient::Connection::local_address() const {
  ErrorCode error;
  const auto local = socket_.local_endpoint(error);
  if (error || local.address().is_unspecified()) return std::nullopt;
  return net::IpAddress::parse(local.address().to_string());
}

TlsClient::TlsClient(asio::io_context& context, Callbacks callbacks)
    : TlsClient(context, std::move(callbacks), Options()) {}

TlsClient::TlsClient(asio::io_context& context, Callbacks callbacks, Options options)
    : context_(context),
      callbacks_(std::make_shared<Callbacks>(std::move(callbacks))),
      options_(std::move(options)) {
  // OpenSSL writes by write(): a connection that was reset must be an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
}

TlsClient::~TlsClient() { close(); }

void TlsClient::open(const std::string& host, std::uint16_t port, const protocol::JoinToken& token) {
  close();
  connection_ = std::make_shared<Connection>(context_, callbacks_, host, port,
                                             ServerTrust{token.pins, token.ca.value_or("")}, options_);
  connection_->start();
}

void TlsClient::send(std::string_view line) {
  if (connection_) connection_->send(line);
}

std::optional<net::IpAddress> TlsClient::local_address() const {
  return connection_ ? connection_->local_address() : std::nullopt;
}

void TlsClient::close() {
  if (connection_) connection_->close();
  connection_.reset();
}

}  // namespace causeway::link
