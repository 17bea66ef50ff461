#include "link/backoff.hpp"

#include <algorithm>

namespace causeway::link {
namespace {

constexpr Duration kFirst = 500ms;
constexpr Duration kEarlyCap = 5s;
constexpr Duration kLateCap = 60s;
constexpr Duration kEarly = 2min;
constexpr unsigned kMostDoublings = 7;  // 64 s: past both caps

}  // namespace

Duration Backoff::after_failure(SteadyTime now, Duration at_least, Duration spread) {
  if (!outage_since_) outage_since_ = now;
  const Duration cap = now - *outage_since_ < kEarly ? kEarlyCap : kLateCap;
  const Duration window = std::max(std::min(cap, kFirst * (1u << failures_)), std::min(spread, kLateCap));
  failures_ = std::min(failures_ + 1, kMostDoublings);
  return at_least + Duration(random_.below(static_cast<std::uint64_t>(window.count())));
}

void Backoff::reset() {
  failures_ = 0;
  outage_since_.reset();
}

}  // namespace causeway::link
