#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "plugin/link_codec.hpp"

/// Moving bytes over a connected non-blocking socket, plain or by TLS, and cutting them into messages. No
/// waiting: the caller waits for what a call wants.
namespace causeway::relay {

class StreamTransfer {
 public:
  enum class Status : std::uint8_t { done, wants_read, wants_write, failed };
  struct Moved {
    Status status = Status::done;
    std::size_t bytes = 0;
  };
  virtual ~StreamTransfer() = default;
  virtual Status handshake() = 0;
  /// `done` with bytes: there may be more. The end of the stream is a failure.
  virtual Moved read(MutableByteView into) = 0;
  virtual Moved write(ByteView bytes) = 0;
  virtual void shut_down() {}
  /// Of the failure, for people.
  const std::string& problem() const { return problem_; }

 protected:
  std::string problem_;
};

/// `socket` is borrowed.
Result<std::unique_ptr<StreamTransfer>> make_plain_transfer(int socket);
/// TLS 1.2 or later. `name`: asked for by SNI unless it is an address; with `verify` the certificate must be
/// valid for it by the system's CAs.
Result<std::unique_ptr<StreamTransfer>> make_tls_transfer(int socket, const std::string& name, bool verify);

/// Collects what a stream brings and cuts messages off by the plugin's frame().
class StreamCutter {
 public:
  explicit StreamCutter(plugin::LinkCodec& codec);

  /// Where to read to; never empty unless failed().
  MutableByteView room() { return std::span(buffer_).subspan(end_); }
  void append(std::size_t bytes) { end_ += bytes; }
  /// The next whole messages, at most LinkCodec::kMostPackets; empty: none is there. Borrowed until
  /// compact().
  std::span<const MutableByteView> next();
  /// Makes room again, when next() has nothing more.
  void compact();
  bool has_partial() const { return begin_ < end_; }
  /// frame() found that this is not its protocol, or a message longer than may be.
  bool failed() const { return failed_; }

 private:
  plugin::LinkCodec& codec_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::vector<MutableByteView> messages_;
  bool failed_ = false;
};

}  // namespace causeway::relay
