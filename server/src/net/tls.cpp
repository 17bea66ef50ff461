#include "server/src/net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <new>

#include "protocol/messages.hpp"

namespace causeway::server {
namespace {

/// Agrees to causeway/1 when it is offered; ALPN is optional, so that any TLS client can talk to us.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                unsigned offered_length, void*) {
  const std::string_view list(reinterpret_cast<const char*>(offered), offered_length);
  for (std::size_t at = 0; at < list.size(); at += 1 + static_cast<unsigned char>(list[at])) {
    const auto name = list.substr(at + 1, static_cast<unsigned char>(list[at]));
    if (name != protocol::kAlpn) continue;
    *out = offered + at + 1;
    *out_length = static_cast<unsigned char>(name.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

Error openssl_error(const std::string& what) {
  char text[256] = "unknown error";
  if (const auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return {what + ": " + text};
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<TlsContext> TlsContext::load(const std::string& certificate_path, const std::string& key_path) {
  TlsContext made;
  made.context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  if (!context) return openssl_error("TLS");
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_path.c_str()) != 1)
    return openssl_error(certificate_path);
  if (SSL_CTX_use_PrivateKey_file(context, key_path.c_str(), SSL_FILETYPE_PEM) != 1)
    return openssl_error(key_path);
  if (SSL_CTX_check_private_key(context) != 1)
    return openssl_error(key_path + " is not the key of " + certificate_path);
  return made;
}

void TlsStream::Free::operator()(ssl_st* stream) const { SSL_free(stream); }

TlsStream::TlsStream(const TlsContext& context, int descriptor) : stream_(SSL_new(context.get())) {
  if (!stream_ || SSL_set_fd(stream_.get(), descriptor) != 1) throw std::bad_alloc();
  SSL_set_accept_state(stream_.get());
}

TlsWant TlsStream::want_after(int result) {
  const int error = SSL_get_error(stream_.get(), result);
  // The queue of errors is the thread's: what is left in it would be taken for another connection's.
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_NONE:
      return TlsWant::nothing;
    case SSL_ERROR_WANT_READ:
      return TlsWant::read;
    case SSL_ERROR_WANT_WRITE:
      return TlsWant::write;
    case SSL_ERROR_ZERO_RETURN:
      return TlsWant::end;
    default:
      broken_ = true;
      return TlsWant::end;
  }
}

TlsWant TlsStream::handshake() { return want_after(SSL_do_handshake(stream_.get())); }

TlsStream::ReadResult TlsStream::read(MutableByteView into) {
  std::size_t bytes = 0;
  const int result = SSL_read_ex(stream_.get(), into.data(), into.size(), &bytes);
  return {want_after(result), bytes};
}

TlsStream::ReadResult TlsStream::write(ByteView from) {
  std::size_t bytes = 0;
  const int result = SSL_write_ex(stream_.get(), from.data(), from.size(), &bytes);
  return {want_after(result), bytes};
}

void TlsStream::shut_down() {
  if (broken_ || !SSL_is_init_finished(stream_.get())) return;
  SSL_shutdown(stream_.get());
  ERR_clear_error();
}

Bytes TlsStream::exporter() const {
  Bytes value(protocol::kExporterBytes);
  // No context (use_context = 0), as RFC 9266 §4.2 has it.
  if (SSL_export_keying_material(stream_.get(), value.data(), value.size(), protocol::kExporterLabel.data(),
                                 protocol::kExporterLabel.size(), nullptr, 0, 0) != 1) {
    throw std::bad_alloc();
  }
  return value;
}

}  // namespace causeway::server
