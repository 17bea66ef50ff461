#pragma once

#include <chrono>
#include <string>

namespace causeway {

using namespace std::chrono_literals;

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

/// The moment an event happens. Decisions never read a clock: they are given this.
/// `steady` orders and measures; `wall` only enters what other machines see (TAI64N, expiries).
struct Now {
  SteadyTime steady;
  WallTime wall;
};

/// Reads both clocks. For drivers only.
Now read_clocks();

/// "2026-11-22T17:31:39Z", RFC 3339 in UTC with whole seconds.
std::string format_rfc3339(WallTime time);

constexpr double to_milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

}  // namespace causeway
