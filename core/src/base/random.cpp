#include "base/random.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace causeway {

std::uint32_t RandomSource::next_u32() { return static_cast<std::uint32_t>(next_u64()); }

std::uint64_t RandomSource::next_u64() {
  std::uint8_t bytes[8];
  fill(bytes);
  std::uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

std::uint64_t RandomSource::below(std::uint64_t bound) {
  // Values under `threshold` would make the low results more likely (2^64 is no multiple of bound).
  const std::uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t value = next_u64();
    if (value >= threshold) return value % bound;
  }
}

void SystemRandom::fill(MutableByteView bytes) { randombytes_buf(bytes.data(), bytes.size()); }

void SeededRandom::fill(MutableByteView bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const std::uint64_t word = engine_();
    const size_t take = std::min(sizeof word, bytes.size() - at);
    std::memcpy(bytes.data() + at, &word, take);
    at += take;
  }
}

}  // namespace causeway
