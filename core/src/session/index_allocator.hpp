#pragma once

#include <cstdint>
#include <unordered_set>

#include "base/random.hpp"

namespace causeway::session {

/// Receiver indices: random, never 0, unique in their low 24 bits among those not yet released.
class IndexAllocator {
 public:
  explicit IndexAllocator(RandomSource& random) : random_(random) {}
  std::uint32_t allocate();
  /// An index that is not in use is ignored.
  void release(std::uint32_t index);
  std::size_t in_use() const { return low_bits_in_use_.size(); }

 private:
  RandomSource& random_;
  std::unordered_set<std::uint32_t> low_bits_in_use_;
};

}  // namespace causeway::session
