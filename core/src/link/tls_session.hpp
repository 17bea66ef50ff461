#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "protocol/join_token.hpp"

struct ssl_st;
struct ssl_ctx_st;

/// OpenSSL for the node's end: TLS 1.3, ALPN, and how a server is known. No sockets of its own.
namespace causeway::link {

struct SslDeleter {
  void operator()(ssl_st* ssl) const;
};
struct SslContextDeleter {
  void operator()(ssl_ctx_st* context) const;
};
using Ssl = std::unique_ptr<ssl_st, SslDeleter>;
using SslContext = std::unique_ptr<ssl_ctx_st, SslContextDeleter>;

/// How the server proves itself: by one of these keys or, without any, by the system's CAs for `ca`.
struct ServerTrust {
  std::vector<protocol::KeyPin> pins;
  std::string ca;
};

/// A client session on a connected non-blocking socket, to be driven by SSL_do_handshake(). Throws
/// std::runtime_error when OpenSSL itself fails.
SslContext make_client_context();
Ssl make_client_session(ssl_ctx_st* context, int socket, const std::string& host, const ServerTrust& trust);

/// After the handshake, before anything is sent: is this the server that the token names? The error is for
/// the user. With CAs the handshake itself has verified it.
Result<void> check_server(const ssl_st* ssl, const ServerTrust& trust);

/// RFC 9266 "tls-exporter" of this session.
std::array<std::uint8_t, 32> export_channel_binding(ssl_st* ssl);

/// Why the last call on `ssl` failed, for the user; empties OpenSSL's error queue.
std::string describe_tls_failure(const ssl_st* ssl, int return_value, int error_number);

}  // namespace causeway::link
