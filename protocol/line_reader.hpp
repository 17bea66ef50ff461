#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace causeway::protocol {

inline constexpr std::size_t kLineBytesBeforeAuthentication = 4 * 1024;
inline constexpr std::size_t kLineBytes = 64 * 1024;

/// Splits a byte stream into lines that end in LF (a CR before it is dropped). Holds at most the limit and
/// one append: take the lines by next() after each append. Once a line is above the limit, failed() stays
/// true and nothing more is kept.
class LineReader {
 public:
  explicit LineReader(std::size_t limit_bytes) : limit_(limit_bytes) {}

  /// For the lines not yet taken, too.
  void set_limit(std::size_t limit_bytes) { limit_ = limit_bytes; }
  void append(ByteView bytes);
  /// The next complete line without its end.
  std::optional<std::string> next();
  bool failed() const { return failed_; }
  /// A line has begun and not ended: the time from here to its end is limited.
  bool has_partial_line() const { return taken_ < buffer_.size(); }

 private:
  void fail();

  std::string buffer_;
  std::size_t taken_ = 0;    // bytes of buffer_ already handed out
  std::size_t scanned_ = 0;  // no LF before this, so that slow lines cost linear time
  std::size_t limit_;
  bool failed_ = false;
};

}  // namespace causeway::protocol
