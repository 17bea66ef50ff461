#include "dataplane/handover_ring.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <new>

namespace causeway::dataplane {

static_assert(sizeof(HandoverLabel) <= HandoverRing::kAlignment, "padding of one unit holds a label");
static_assert(HandoverRing::kLeastCapacity >=
              2 * (2 * HandoverRing::kHeadroom + tun::kMaxFrameBytes + HandoverRing::kAlignment));

std::unique_ptr<HandoverRing> HandoverRing::make(std::size_t capacity) {
  assert(std::has_single_bit(capacity) && capacity >= kLeastCapacity);
  // Not zeroed: pages that no packet ever reaches stay the kernel's.
  auto* memory = new (std::nothrow) std::uint8_t[capacity];
  if (memory == nullptr) return nullptr;
  auto* ring = new (std::nothrow) HandoverRing(memory, capacity);
  if (ring == nullptr) delete[] memory;
  return std::unique_ptr<HandoverRing>(ring);
}

bool HandoverRing::push(HandoverLabel label, ByteView bytes) noexcept {
  const std::size_t wanted = (2 * kHeadroom + bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  const std::size_t until_end = capacity_ - (tail & (capacity_ - 1));
  const std::size_t padding = wanted > until_end ? until_end : 0;
  const std::uint64_t head = head_.load(std::memory_order_acquire);
  if (padding + wanted > capacity_ - (tail - head)) return false;
  if (padding > 0) {
    HandoverLabel skip;
    skip.taken = static_cast<std::uint32_t>(padding);
    std::memcpy(at(tail), &skip, sizeof skip);
  }
  label.bytes = static_cast<std::uint32_t>(bytes.size());
  label.taken = static_cast<std::uint32_t>(wanted);
  const std::uint64_t start = tail + padding;
  std::memcpy(at(start), &label, sizeof label);
  std::copy(bytes.begin(), bytes.end(), at(start) + kHeadroom);
  // seq_cst: orders this before the producer's look at whether the consumer sleeps, see WakeUp.
  tail_.store(start + wanted, std::memory_order_seq_cst);
  return true;
}

}  // namespace causeway::dataplane
