#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace causeway::server {

/// Lets `rate` things a second pass, and `burst` at once after a rest.
class TokenBucket {
 public:
  TokenBucket(double rate, double burst, SteadyTime now)
      : rate_(rate), burst_(burst), level_(burst), filled_(now) {}

  bool take(SteadyTime now) {
    fill(now);
    if (level_ < 1.0) return false;
    level_ -= 1.0;
    return true;
  }
  bool has_one(SteadyTime now) {
    fill(now);
    return level_ >= 1.0;
  }
  /// Nothing is remembered that a new bucket would not have, too.
  bool is_full(SteadyTime now) {
    fill(now);
    return level_ >= burst_;
  }
  /// Until the next one passes.
  std::uint32_t wait_ms() const {
    return level_ >= 1.0 ? 0 : static_cast<std::uint32_t>((1.0 - level_) / rate_ * 1000.0) + 1;
  }

 private:
  void fill(SteadyTime now) {
    if (now <= filled_) return;
    level_ = std::min(burst_, level_ + rate_ * std::chrono::duration<double>(now - filled_).count());
    filled_ = now;
  }

  double rate_;
  double burst_;
  double level_;
  SteadyTime filled_;
};

}  // namespace causeway::server
