#pragma once

#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"

namespace causeway::link {

/// How long to wait before the next try: full jitter, uniform in [0, min(cap, 500 ms x 2^failures)), so that
/// nodes that lost one server together don't return together. The cap is 5 s for the first two minutes of an
/// outage, when a restart is the likely cause, then 60 s. A server with many nodes asks for a window of its
/// own, which none of these is shorter than.
class Backoff {
 public:
  explicit Backoff(RandomSource& random) : random_(random) {}

  /// A try failed at `now`. `at_least` is what the server asked for; the jitter comes on top, out of a window
  /// of `spread` or more.
  Duration after_failure(SteadyTime now, Duration at_least = {}, Duration spread = {});
  /// Registered: the outage is over.
  void reset();

 private:
  RandomSource& random_;
  unsigned failures_ = 0;
  std::optional<SteadyTime> outage_since_;
};

}  // namespace causeway::link
