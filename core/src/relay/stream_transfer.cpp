#include "relay/stream_transfer.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "net/endpoint.hpp"

namespace causeway::relay {

namespace {

constexpr const char* kEnded = "it closed the connection";

class PlainTransfer final : public StreamTransfer {
 public:
  explicit PlainTransfer(int socket) : socket_(socket) {}
  Status handshake() override { return Status::done; }
  Moved read(MutableByteView into) override {
    const ssize_t got = ::recv(socket_, into.data(), into.size(), 0);
    if (got > 0) return {Status::done, static_cast<std::size_t>(got)};
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
      return {Status::wants_read, 0};
    problem_ = got == 0 ? kEnded : std::generic_category().message(errno);
    return {Status::failed, 0};
  }
  Moved write(ByteView bytes) override {
    const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) return {Status::done, static_cast<std::size_t>(put)};
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {Status::wants_write, 0};
    problem_ = std::generic_category().message(errno);
    return {Status::failed, 0};
  }

 private:
  int socket_;
};

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

class TlsTransfer final : public StreamTransfer {
 public:
  Result<void> begin(int socket, const std::string& name, bool verify);

  Status handshake() override {
    ERR_clear_error();
    errno = 0;
    const int done = SSL_do_handshake(ssl_.get());
    return done == 1 ? Status::done : status_of(done);
  }
  Moved read(MutableByteView into) override {
    ERR_clear_error();
    errno = 0;
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
    return done == 1 ? Moved{Status::done, got} : Moved{status_of(done), 0};
  }
  Moved write(ByteView bytes) override {
    ERR_clear_error();
    errno = 0;
    std::size_t put = 0;
    const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &put);
    return done == 1 ? Moved{Status::done, put} : Moved{status_of(done), 0};
  }
  void shut_down() override {
    if (SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

 private:
  Status status_of(int returned);

  std::unique_ptr<SSL_CTX, SslDeleter> context_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
};

Error openssl_error(const char* what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return Error{std::string(what) + ": " + text};
}

Result<void> TlsTransfer::begin(int socket, const std::string& name, bool verify) {
  ERR_clear_error();
  context_.reset(SSL_CTX_new(TLS_client_method()));
  // RFC 8656 §2.1 leaves the version open; relays with TLS 1.2 alone are common.
  if (!context_ || SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION) != 1)
    return openssl_error("TLS 1.2");
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (verify && SSL_CTX_set_default_verify_paths(context_.get()) != 1)
    return openssl_error("the system's CA certificates");
  ssl_.reset(SSL_new(context_.get()));
  if (!ssl_ || SSL_set_fd(ssl_.get(), socket) != 1) return openssl_error("a TLS session");
  SSL_set_connect_state(ssl_.get());
  const bool is_address = net::IpAddress::parse(name).has_value();
  if (!name.empty() && !is_address) {
    std::string sni = name;  // SSL_set_tlsext_host_name without its C-style cast
    if (SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sni.data()) != 1)
      return openssl_error("SNI");
  }
  SSL_set_verify(ssl_.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!verify) return {};
  if (name.empty()) return Error{"a server without a name cannot be verified"};
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl_.get());
  const int named = is_address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                               : X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
  return named == 1 ? Result<void>{} : openssl_error("the server's name");
}

StreamTransfer::Status TlsTransfer::status_of(int returned) {
  const int error_number = errno;
  const int kind = SSL_get_error(ssl_.get(), returned);
  if (kind == SSL_ERROR_WANT_READ) return Status::wants_read;
  if (kind == SSL_ERROR_WANT_WRITE) return Status::wants_write;
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  if (kind == SSL_ERROR_ZERO_RETURN || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
      (kind == SSL_ERROR_SYSCALL && code == 0 && error_number == 0)) {
    problem_ = kEnded;
  } else if (kind == SSL_ERROR_SYSCALL && error_number != 0) {
    problem_ = std::generic_category().message(error_number);
  } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    problem_ = std::string("its certificate is not accepted: ") +
               X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
  } else {
    const char* text = ERR_reason_error_string(code);
    problem_ = std::string("TLS failed: ") + (text != nullptr ? text : "unknown reason");
  }
  ERR_clear_error();
  return Status::failed;
}

/// A message, and what else may come with the read that completes it.
constexpr std::size_t kBufferBytes = 2 * (CW_MAX_STREAM_MESSAGE + 1);

}  // namespace

Result<std::unique_ptr<StreamTransfer>> make_plain_transfer(int socket) {
  return Result<std::unique_ptr<StreamTransfer>>(boost::system::in_place_value,
                                                 std::make_unique<PlainTransfer>(socket));
}

Result<std::unique_ptr<StreamTransfer>> make_tls_transfer(int socket, const std::string& name, bool verify) {
  // OpenSSL writes by write(): a connection that was reset must be an error, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  auto made = std::make_unique<TlsTransfer>();
  if (auto begun = made->begin(socket, name, verify); !begun) return begun.error();
  return Result<std::unique_ptr<StreamTransfer>>(boost::system::in_place_value, std::move(made));
}

// ---- cutting ----

StreamCutter::StreamCutter(plugin::LinkCodec& codec) : codec_(codec), buffer_(kBufferBytes) {
  messages_.reserve(plugin::LinkCodec::kMostPackets);
}

std::span<const MutableByteView> StreamCutter::next() {
  messages_.clear();
  while (!failed_ && begin_ < end_ && messages_.size() < plugin::LinkCodec::kMostPackets) {
    const MutableByteView rest = std::span(buffer_).subspan(begin_, end_ - begin_);
    const std::int64_t length = codec_.frame(rest);
    if (length == 0) {
      // Incomplete: but a whole message of the longest size would be here already.
      failed_ = rest.size() >= CW_MAX_STREAM_MESSAGE;
      break;
    }
    if (length < 0 || static_cast<std::uint64_t>(length) > rest.size()) {
      failed_ = true;
      break;
    }
    messages_.push_back(rest.first(static_cast<std::size_t>(length)));
    begin_ += static_cast<std::size_t>(length);
  }
  return messages_;
}

void StreamCutter::compact() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

}  // namespace causeway::relay
