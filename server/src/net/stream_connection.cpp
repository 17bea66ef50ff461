#include "server/src/net/stream_connection.hpp"

#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace causeway::server {
namespace {

// One buffer for all connections of the thread: between reads nothing is kept in it.
thread_local std::array<std::uint8_t, 16 * 1024> t_read_buffer;
// Reads in a row before the others get their turn.
constexpr int kReadsPerTurn = 4;

TlsStream::ReadResult result_of(ssize_t count, TlsWant when_blocked) {
  if (count > 0) return {TlsWant::nothing, static_cast<std::size_t>(count)};
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {when_blocked, 0};
  return {TlsWant::end, 0};
}

}  // namespace

StreamConnection::StreamConnection(boost::asio::io_context& io, int descriptor, const TlsContext* tls,
                                   std::size_t line_limit, Events events)
    : descriptor_(io, descriptor),
      tls_(tls ? std::make_unique<TlsStream>(*tls, descriptor) : nullptr),
      lines_(line_limit),
      events_(std::move(events)),
      secured_(!tls) {}

void StreamConnection::start() {
  if (secured_) return wait(TlsWant::read);
  do_handshake();
}

bool StreamConnection::send(std::string_view line) {
  if (!is_open() || closing_) return true;
  if (out_.size() - sent_ + line.size() + 1 > kMaxQueuedBytes) return false;
  out_.append(line).push_back('\n');
  if (!waiting_write_) flush();
  return true;
}

void StreamConnection::close() {
  if (!is_open() || closing_) return;
  closing_ = true;
  if (out_.empty()) return finish();
  if (!waiting_write_) flush();
}

void StreamConnection::drop() {
  closing_ = true;
  events_ = {};
  if (is_open()) descriptor_.close();
}

void StreamConnection::finish() {
  if (tls_) tls_->shut_down();
  drop();
}

void StreamConnection::end() {
  if (!is_open()) return;
  const auto ended = std::move(events_.on_ended);
  const bool tell = !closing_;
  drop();
  if (tell && ended) ended();
}

void StreamConnection::wait(TlsWant want) {
  if (!is_open()) return;
  if (want == TlsWant::write) {
    if (std::exchange(waiting_write_, true)) return;
    descriptor_.async_wait(descriptor_.wait_write, [self = shared_from_this()](const auto& error) {
      self->waiting_write_ = false;
      if (!self->is_open()) return;
      if (error) return self->end();
      self->secured_ ? self->flush() : self->do_handshake();
    });
    return;
  }
  descriptor_.async_wait(descriptor_.wait_read, [self = shared_from_this()](const auto& error) {
    if (!self->is_open()) return;
    if (error) return self->end();
    self->secured_ ? self->do_read() : self->do_handshake();
  });
}

void StreamConnection::do_handshake() {
  const TlsWant want = tls_->handshake();
  if (want == TlsWant::end) return end();
  if (want != TlsWant::nothing) return wait(want);
  secured_ = true;
  if (events_.on_secured) events_.on_secured(tls_->exporter());
  do_read();
}

void StreamConnection::do_read() {
  for (int turn = 0; turn < kReadsPerTurn && is_open(); ++turn) {
    const auto [want, bytes] = read_some(t_read_buffer);
    // A key update can make a read wait for writing; the peer that does so and never reads hits its idle
    // limit.
    if (want == TlsWant::end) return end();
    if (want != TlsWant::nothing) return wait(TlsWant::read);
    if (closing_) continue;  // what comes behind our end is read away, so that the close is no reset
    lines_.append(ByteView(t_read_buffer).first(bytes));
    if (!take_lines()) return;
  }
  // More may wait inside OpenSSL, where readiness does not show it.
  if (is_open()) {
    boost::asio::post(descriptor_.get_executor(), [self = shared_from_this()] {
      if (self->is_open()) self->do_read();
    });
  }
}

bool StreamConnection::take_lines() {
  while (auto line = lines_.next()) {
    if (events_.on_line) events_.on_line(*line);
    if (!is_open() || closing_) break;
  }
  if (lines_.failed() && !closing_ && events_.on_line_too_long) events_.on_line_too_long();
  if (!lines_.has_partial_line()) {
    line_since_.reset();
  } else if (!line_since_) {
    line_since_ = read_clocks().steady;
  }
  return is_open();
}

void StreamConnection::flush() {
  while (is_open() && sent_ < out_.size()) {
    const auto [want, bytes] = write_some(as_bytes(std::string_view(out_).substr(sent_)));
    if (want == TlsWant::nothing) {
      sent_ += bytes;
      continue;
    }
    if (want == TlsWant::end) {
      // Not end(): send() may be on the stack of an event. The failed descriptor is readable and tells it.
      out_.clear();
      sent_ = 0;
      if (closing_) drop();
      return;
    }
    // Written bytes are let go when they are the larger part: memory stays bounded, moving stays cheap.
    if (sent_ > out_.size() / 2) {
      out_.erase(0, sent_);
      sent_ = 0;
    }
    return wait(TlsWant::write);
  }
  std::string().swap(out_);
  sent_ = 0;
  if (closing_ && is_open()) finish();
}

TlsStream::ReadResult StreamConnection::read_some(MutableByteView into) {
  if (tls_) return tls_->read(into);
  return result_of(::read(descriptor_.native_handle(), into.data(), into.size()), TlsWant::read);
}

TlsStream::ReadResult StreamConnection::write_some(ByteView from) {
  if (tls_) return tls_->write(from);
  return result_of(::write(descriptor_.native_handle(), from.data(), from.size()), TlsWant::write);
}

}  // namespace causeway::server
