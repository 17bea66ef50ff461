#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace causeway::session {

/// Which of the newest packet counters were seen, as a ring of words (RFC 6479): moving on clears whole words
/// and shifts nothing, which costs one word of the window. Security-sensitive: this is how replays are
/// refused.
template <std::size_t kBits>
class ReplayWindow {
  static constexpr std::size_t kWordBits = 64;
  static constexpr std::size_t kWords = kBits / kWordBits;
  static_assert(kWords >= 2 && (kWords & (kWords - 1)) == 0, "a power of two of words");

 public:
  /// A counter this much lower than the highest accepted one, or more, is too old.
  static constexpr std::uint64_t kWindow = kBits - kWordBits;

  /// True unless the counter was seen or is too old. Changes nothing: it is asked before the packet is
  /// authentic.
  bool may_accept(std::uint64_t counter) const {
    if (counter >= next_) return true;
    if (next_ - counter > kWindow) return false;
    return (words_[word_of(counter)] & bit_of(counter)) == 0;
  }

  /// Notes an authentic packet for which may_accept() is true.
  void accept(std::uint64_t counter) {
    if (counter >= next_) {
      const std::uint64_t newest = next_ == 0 ? 0 : (next_ - 1) / kWordBits;
      const std::uint64_t steps = std::min<std::uint64_t>(counter / kWordBits - newest, kWords);
      for (std::uint64_t i = 1; i <= steps; ++i)
        words_[(newest + i) % kWords] = 0;
      next_ = counter + 1;
    }
    words_[word_of(counter)] |= bit_of(counter);
  }

  /// One more than the highest counter accepted; 0 before the first. Counters stay under 2^64 - 1
  /// (limits.hpp).
  std::uint64_t next() const { return next_; }

 private:
  static std::size_t word_of(std::uint64_t counter) { return counter / kWordBits % kWords; }
  static std::uint64_t bit_of(std::uint64_t counter) { return std::uint64_t{1} << counter % kWordBits; }

  std::uint64_t next_ = 0;
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace causeway::session
