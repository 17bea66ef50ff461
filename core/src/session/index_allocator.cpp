#include "session/index_allocator.hpp"

#include <cassert>

namespace causeway::session {
namespace {

constexpr std::uint32_t kLowBits = 0xffffff;

}  // namespace

std::uint32_t IndexAllocator::allocate(unsigned loop) {
  assert(loop <= loop_mask_);
  // A node holds a few indices per peer: half of one loop's share being in use means that nobody releases
  // them.
  assert(low_bits_in_use_.size() < kLowBits / 2 / (loop_mask_ + 1));
  for (;;) {
    const std::uint32_t index = (random_.next_u32() & ~loop_mask_) | loop;
    // Low bits of zero are left out, so that no short form of an index is 0 either.
    if ((index & kLowBits) != 0 && low_bits_in_use_.insert(index & kLowBits).second) return index;
  }
}

void IndexAllocator::release(std::uint32_t index) { low_bits_in_use_.erase(index & kLowBits); }

}  // namespace causeway::session
