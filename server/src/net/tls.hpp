#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace causeway::server {

/// What a TLS call wants next.
enum class TlsWant : std::uint8_t {
  nothing,  ///< it is done; for reads: `bytes` were read
  read,     ///< call again when the descriptor is readable
  write,    ///< call again when it is writable
  end,      ///< the other side closed, or the connection is broken
};

/// TLS 1.3 only, without tickets (resumption saves no CPU here) and early data; buffers are released while
/// idle, which is most of what an idle connection would cost.
class TlsContext {
 public:
  static Result<TlsContext> load(const std::string& certificate_path, const std::string& key_path);
  ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// The server's end of TLS on a non-blocking descriptor, which it borrows.
class TlsStream {
 public:
  TlsStream(const TlsContext& context, int descriptor);

  TlsWant handshake();
  struct ReadResult {
    TlsWant want;
    std::size_t bytes;
  };
  ReadResult read(MutableByteView into);
  /// After `read` or `write` the next call must begin with the same bytes; they may have moved, and more may
  /// follow.
  ReadResult write(ByteView from);
  /// Sends close_notify if that is possible at once.
  void shut_down();
  /// RFC 9266: 32 bytes that only the two ends of this session know.
  Bytes exporter() const;

 private:
  struct Free {
    void operator()(ssl_st* stream) const;
  };
  TlsWant want_after(int result);
  std::unique_ptr<ssl_st, Free> stream_;
  bool broken_ = false;  // SSL_shutdown may not be called after a fatal error
};

}  // namespace causeway::server
