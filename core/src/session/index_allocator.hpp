#pragma once

#include <bit>
#include <cstdint>
#include <unordered_set>

#include "base/random.hpp"

namespace causeway::session {

/// The lowest bits of a receiver index name the data loop that owns the keypair: so many bits that every loop
/// of `loops` has a number. 0 with one loop.
constexpr std::uint32_t loop_mask(unsigned loops) { return std::bit_ceil(loops) - 1; }

/// Receiver indices: random but for the bits of loop_mask(), never 0, unique in their low 24 bits among those
/// not yet released.
class IndexAllocator {
 public:
  explicit IndexAllocator(RandomSource& random, unsigned loops = 1)
      : random_(random), loop_mask_(session::loop_mask(loops)) {}
  std::uint32_t allocate(unsigned loop = 0);
  /// An index that is not in use is ignored.
  void release(std::uint32_t index);
  std::size_t in_use() const { return low_bits_in_use_.size(); }

 private:
  RandomSource& random_;
  std::uint32_t loop_mask_;
  std::unordered_set<std::uint32_t> low_bits_in_use_;
};

}  // namespace causeway::session
