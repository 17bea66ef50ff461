#pragma once

#include <cstdint>
#include <random>

#include "base/bytes.hpp"

namespace causeway {

/// Where every random byte of the decision logic comes from, so that a simulation replays from its seed.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(MutableByteView bytes) = 0;

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
};

/// The kernel's generator, by libsodium. Any thread.
class SystemRandom final : public RandomSource {
 public:
  void fill(MutableByteView bytes) override;
};

/// Deterministic, for tests and simulation only: never for keys that leave the process.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(MutableByteView bytes) override;

 private:
  std::mt19937_64 engine_;
};

}  // namespace causeway
