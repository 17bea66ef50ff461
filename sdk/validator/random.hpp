#pragma once

#include <cstdint>
#include <initializer_list>

namespace causeway::validator {

/// SplitMix64: the same questions for the same seed, on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 .. limit - 1
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next() >> 56); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T>
  T pick(std::initializer_list<T> of) {
    return of.begin()[below(of.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace causeway::validator
