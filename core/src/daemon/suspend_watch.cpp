#include "daemon/suspend_watch.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace causeway::daemon {
namespace {

Duration read(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

std::optional<Duration> SuspendDetector::observe(Duration boot_time, Duration monotonic) {
  const Duration difference = boot_time - monotonic;
  const Duration slept = difference - difference_.value_or(difference);
  difference_ = difference;
  return slept >= kLeast ? std::optional(slept) : std::nullopt;
}

Result<SuspendWatch> SuspendWatch::open() {
  SuspendWatch watch(net::FileDescriptor(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)));
  if (!watch.timer_ || !watch.arm())
    return Error{"cannot watch the clock: " + std::generic_category().message(errno)};
  watch.observe();
  return watch;
}

/// The timer never fires for its time: TFD_TIMER_CANCEL_ON_SET makes it readable, with ECANCELED, when the
/// clock is set, and a wake-up sets it.
bool SuspendWatch::arm() {
  itimerspec far{};
  far.it_value.tv_sec = std::time(nullptr) + 10L * 365 * 24 * 3600;
  return ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, nullptr) == 0;
}

std::optional<Duration> SuspendWatch::observe() {
  return detector_.observe(read(CLOCK_BOOTTIME), read(CLOCK_MONOTONIC));
}

std::optional<Duration> SuspendWatch::take() {
  std::uint64_t expirations = 0;
  (void)!::read(timer_.get(), &expirations, sizeof expirations);
  arm();
  return observe();
}

}  // namespace causeway::daemon
