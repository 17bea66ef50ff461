#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace causeway::session {

/// TAI64N, 12 bytes big-endian: 8 of seconds since 1970 TAI + 2^62, 4 of nanoseconds. Compares as bytes.
using Tai64n = std::array<std::uint8_t, 12>;

/// Issues stamps of max(wall, last + 1), so that a clock set back never blocks a node. The last one is stored
/// by the node (ahead in steps, so that not every handshake writes to disk).
class TimestampSource {
 public:
  explicit TimestampSource(Tai64n last_stored = {}) : last_(last_stored) {}
  Tai64n next(WallTime wall);
  const Tai64n& last() const { return last_; }

 private:
  Tai64n last_;
};

}  // namespace causeway::session
