#include "link/tls_session.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cstring>
#include <stdexcept>

#include "base/bytes.hpp"
#include "net/endpoint.hpp"
#include "protocol/messages.hpp"

namespace causeway::link {
namespace {

[[noreturn]] void throw_openssl(const char* what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  throw std::runtime_error(fmt::format("{}: {}", what, text));
}

void require(bool ok, const char* what) {
  if (!ok) throw_openssl(what);
}

bool is_ip_address(const std::string& host) { return net::IpAddress::parse(host).has_value(); }

}  // namespace

void SslDeleter::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void SslContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

SslContext make_client_context() {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  require(context != nullptr, "SSL_CTX_new");
  require(SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1, "TLS 1.3");
  // Reused sessions would skip the server's proof of its key.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Ssl make_client_session(ssl_ctx_st* context, int socket, const std::string& host, const ServerTrust& trust) {
  Ssl ssl(SSL_new(context));
  require(ssl != nullptr, "SSL_new");
  require(SSL_set_fd(ssl.get(), socket) == 1, "SSL_set_fd");
  SSL_set_connect_state(ssl.get());

  std::array<unsigned char, protocol::kAlpn.size() + 1> alpn{};
  alpn[0] = static_cast<unsigned char>(protocol::kAlpn.size());
  std::copy(protocol::kAlpn.begin(), protocol::kAlpn.end(), alpn.begin() + 1);
  require(SSL_set_alpn_protos(ssl.get(), alpn.data(), alpn.size()) == 0, "ALPN");

  const bool by_ca = trust.pins.empty();
  const std::string& name = by_ca && !trust.ca.empty() ? trust.ca : host;
  if (!is_ip_address(name)) {
    // SSL_set_tlsext_host_name without its C-style cast.
    std::string sni = name;
    require(SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sni.data()) == 1,
            "SNI");
  }
  if (by_ca) {
    require(SSL_CTX_set_default_verify_paths(context) == 1, "the system's CA certificates");
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
    require(is_ip_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1
                                : X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size()) == 1,
            "the server's name");
  } else {
    // The key is what counts, not the certificate around it: check_server() looks.
    SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
  }
  return ssl;
}

Result<void> check_server(const ssl_st* ssl, const ServerTrust& trust) {
  if (trust.pins.empty()) return {};
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  unsigned char* der = nullptr;
  const int size = certificate == nullptr ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return Error{"it showed no key"};
  protocol::KeyPin pin;
  SHA256(der, static_cast<std::size_t>(size), pin.data());
  OPENSSL_free(der);
  bool matches = false;
  for (const protocol::KeyPin& known : trust.pins)
    matches = equal_constant_time(known, pin) || matches;
  if (matches) return {};
  return Error{fmt::format(
      "its key ({}) is not the one that the join token names: another server answers there, or the "
      "server has a new key: ask for a new token",
      to_base64(pin))};
}

std::array<std::uint8_t, 32> export_channel_binding(ssl_st* ssl) {
  std::array<std::uint8_t, protocol::kExporterBytes> exporter{};
  constexpr std::string_view kLabel = protocol::kExporterLabel;
  require(SSL_export_keying_material(ssl, exporter.data(), exporter.size(), kLabel.data(), kLabel.size(),
                                     nullptr, 0, 0) == 1,
          "TLS exporter");
  return exporter;
}

std::string describe_tls_failure(const ssl_st* ssl, int return_value, int error_number) {
  const int kind = SSL_get_error(ssl, return_value);
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (kind == SSL_ERROR_ZERO_RETURN || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
      (kind == SSL_ERROR_SYSCALL && code == 0 && error_number == 0)) {
    return "it closed the connection";
  }
  if (kind == SSL_ERROR_SYSCALL && error_number != 0) return std::strerror(error_number);
  switch (ERR_GET_REASON(code)) {
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
      return "it does not speak TLS 1.3";
    case SSL_R_WRONG_VERSION_NUMBER:
      return "it does not speak TLS";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return fmt::format("its certificate is not accepted: {}",
                         X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    default:
      break;
  }
  const char* reason = ERR_reason_error_string(code);
  return fmt::format("TLS failed: {}", reason != nullptr ? reason : "unknown reason");
}

}  // namespace causeway::link
