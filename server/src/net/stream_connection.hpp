#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "protocol/line_reader.hpp"
#include "server/src/net/tls.hpp"

namespace causeway::server {

/// One line connection: TLS over TCP for nodes, plain over the control socket. Reads by readiness into a
/// buffer shared by all, so that an idle connection holds none. Control thread; kept alive by its running
/// waits.
class StreamConnection : public std::enable_shared_from_this<StreamConnection> {
 public:
  static constexpr std::size_t kMaxQueuedBytes = 256 * 1024;

  /// Called from waits, never from send() or close().
  struct Events {
    std::function<void(ByteView exporter)> on_secured;  ///< TLS only
    std::function<void(std::string_view line)> on_line;
    std::function<void()> on_line_too_long;
    std::function<void()> on_ended;  ///< broken or closed by the other side; last event
  };

  /// Takes the descriptor. `tls` none: plain.
  StreamConnection(boost::asio::io_context& io, int descriptor, const TlsContext* tls, std::size_t line_limit,
                   Events events);
  void start();

  /// False: the other side reads too slowly and more than kMaxQueuedBytes wait. To be dropped then.
  bool send(std::string_view line);
  void raise_line_limit() { lines_.set_limit(protocol::kLineBytes); }
  /// Sends what is queued, then closes; no event follows. A reader that never reads needs drop().
  void close();
  /// Ends at once; no event follows.
  void drop();

  /// Since when a line has begun without ending.
  std::optional<SteadyTime> line_since() const { return line_since_; }
  bool is_open() const { return descriptor_.is_open(); }

 private:
  void wait(TlsWant want);
  void do_handshake();
  void do_read();
  bool take_lines();
  void flush();
  void finish();
  void end();
  TlsStream::ReadResult read_some(MutableByteView into);
  TlsStream::ReadResult write_some(ByteView from);

  boost::asio::posix::stream_descriptor descriptor_;
  std::unique_ptr<TlsStream> tls_;
  protocol::LineReader lines_;
  Events events_;
  std::string out_;  // from sent_ on: waits to be written
  std::size_t sent_ = 0;
  std::optional<SteadyTime> line_since_;
  bool secured_ = false;
  bool closing_ = false;
  bool waiting_write_ = false;
};

}  // namespace causeway::server
