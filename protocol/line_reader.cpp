#include "protocol/line_reader.hpp"

namespace causeway::protocol {

void LineReader::append(ByteView bytes) {
  if (failed_) return;
  if (taken_ > 0) {
    buffer_.erase(0, taken_);
    scanned_ -= taken_;
    taken_ = 0;
  }
  buffer_.append(as_text(bytes));
}

std::optional<std::string> LineReader::next() {
  if (failed_) return std::nullopt;
  const std::size_t end = buffer_.find('\n', scanned_);
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - taken_;
  if (length > limit_) {
    fail();
    return std::nullopt;
  }
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    // Nothing waits: give the memory back, as thousands of idle connections each hold a reader.
    if (taken_ == buffer_.size()) {
      std::string().swap(buffer_);
      taken_ = scanned_ = 0;
    }
    return std::nullopt;
  }
  std::string line = buffer_.substr(taken_, length);
  if (line.ends_with('\r')) line.pop_back();
  taken_ = scanned_ = end + 1;
  return line;
}

void LineReader::fail() {
  failed_ = true;
  std::string().swap(buffer_);
  taken_ = scanned_ = 0;
}

}  // namespace causeway::protocol
