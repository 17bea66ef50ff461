#include "session/timestamp.hpp"

#include <algorithm>

namespace causeway::session {
namespace {

// 2^62, and the 10 s by which TAI was ahead of UTC in 1970. Leap seconds since are left out, as WireGuard
// does.
constexpr std::uint64_t kTaiOfUnixEpoch = 0x400000000000000a;
// Stamps are rounded down to about 17 ms, as WireGuard does: they leave the machine and must not tell its
// clock finely.
constexpr std::uint32_t kCoarseMask = ~std::uint32_t{0xffffff};

Tai64n encode(std::uint64_t seconds, std::uint32_t nanoseconds) {
  Tai64n stamp;
  for (int i = 0; i < 8; ++i)
    stamp[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(seconds >> (56 - 8 * i));
  for (int i = 0; i < 4; ++i) {
    stamp[static_cast<std::size_t>(8 + i)] = static_cast<std::uint8_t>(nanoseconds >> (24 - 8 * i));
  }
  return stamp;
}

// The next number that is larger as bytes; that its nanoseconds may exceed a second harms nobody who compares
// bytes.
Tai64n successor(Tai64n stamp) {
  for (auto byte = stamp.rbegin(); byte != stamp.rend(); ++byte) {
    if (++*byte != 0) break;
  }
  return stamp;
}

}  // namespace

Tai64n TimestampSource::next(WallTime wall) {
  const auto since_epoch = std::max(wall.time_since_epoch(), Duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  const auto nanoseconds = static_cast<std::uint32_t>((since_epoch - seconds).count());
  last_ = std::max(
      encode(kTaiOfUnixEpoch + static_cast<std::uint64_t>(seconds.count()), nanoseconds & kCoarseMask),
      successor(last_));
  return last_;
}

}  // namespace causeway::session
