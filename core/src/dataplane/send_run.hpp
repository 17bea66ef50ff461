#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "dataplane/carrier.hpp"

namespace causeway::dataplane {

/// Sealed datagrams that leave together: all equally long, only the last shorter (UDP_SEGMENT). They are
/// sealed straight into it.
class SendRun {
 public:
  static constexpr std::size_t kMostSegments = 64;  ///< the kernel's UDP_MAX_SEGMENTS of old
  static constexpr std::size_t kMostBytes = 65507;  ///< the largest UDP datagram over IPv4
  static constexpr std::size_t kMostSealedBytes = 65536 + 64;

  SendRun() : buffer_(kMostBytes + kMostSealedBytes) {}

  bool is_empty() const { return used_ == 0; }
  /// Whether a datagram of `bytes`, marked with `ecn`, may follow.
  bool accepts(std::size_t bytes, std::uint8_t ecn) const {
    return used_ == 0 || (!is_closed_ && ecn == ecn_ && bytes <= segment_ && count_ < kMostSegments &&
                          used_ + bytes <= kMostBytes);
  }
  /// Where to seal the next datagram, of at most `bytes` <= kMostSealedBytes.
  MutableByteView room(std::size_t bytes) { return {buffer_.data() + used_, bytes}; }
  void add(std::size_t bytes, std::uint8_t ecn) {
    if (used_ == 0) {
      segment_ = bytes;
      ecn_ = ecn;
    }
    is_closed_ = bytes < segment_;
    used_ += bytes;
    ++count_;
  }
  /// True when no further datagram can follow, of whatever length.
  bool is_full() const { return is_closed_ || count_ == kMostSegments; }
  SendBatch batch() const { return {{buffer_.data(), used_}, static_cast<std::uint16_t>(segment_), ecn_}; }
  std::size_t segments() const { return count_; }
  void clear() {
    used_ = segment_ = count_ = 0;
    is_closed_ = false;
  }

 private:
  std::vector<std::uint8_t> buffer_;
  std::size_t used_ = 0;
  std::size_t segment_ = 0;
  std::size_t count_ = 0;
  std::uint8_t ecn_ = 0;
  bool is_closed_ = false;
};

}  // namespace causeway::dataplane
