#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/file_descriptor.hpp"

namespace causeway::daemon {

/// Tells from two clocks how long the machine slept: CLOCK_BOOTTIME goes on in a suspend, CLOCK_MONOTONIC, by
/// which everything here is timed, does not.
class SuspendDetector {
 public:
  /// How long it slept since the last call, if that is worth mentioning.
  std::optional<Duration> observe(Duration boot_time, Duration monotonic);

  /// Between the two readings of one call time passes, too.
  static constexpr Duration kLeast = 500ms;

 private:
  std::optional<Duration> difference_;
};

/// Becomes readable when the machine wakes up, or somebody sets its clock: the kernel tells, nothing is
/// polled.
class SuspendWatch {
 public:
  static Result<SuspendWatch> open();
  int descriptor() const { return timer_.get(); }
  /// Call when readable: how long the machine slept; nullopt if it did not.
  std::optional<Duration> take();

 private:
  explicit SuspendWatch(net::FileDescriptor timer) : timer_(std::move(timer)) {}
  bool arm();
  std::optional<Duration> observe();

  net::FileDescriptor timer_;
  SuspendDetector detector_;
};

}  // namespace causeway::daemon
