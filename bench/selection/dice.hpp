#pragma once

#include <cstdint>

namespace causeway::selection {

/// Seeded draws of the world model. Not a RandomSource: worlds must stay the same for ever, so every draw is
/// defined here (SplitMix64) and not by a library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  /// Independent dice for a part of what these dice decide, so that one more draw there changes nothing here.
  Dice fork(std::uint64_t part) const;

  std::uint64_t next();
  double unit();  ///< [0, 1)
  double between(double low, double high) { return low + (high - low) * unit(); }
  /// Equal chances per factor of two; low > 0.
  double log_between(double low, double high);
  int whole(int low, int high);  ///< both ends included
  bool chance(double probability) { return unit() < probability; }
  double exponential(double mean);
  double normal();

 private:
  std::uint64_t state_;
};

/// The same number for the same arguments: outcomes that do not depend on who asks when.
std::uint64_t mix(std::uint64_t a, std::uint64_t b);
double unit_of(std::uint64_t bits);  ///< [0, 1)

}  // namespace causeway::selection
