#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace causeway::dataplane {

/// Bounded queue from one thread to another, without locks. `Value` moves without throwing.
template <class Value>
class SpscQueue {
 public:
  explicit SpscQueue(std::size_t capacity) : slots_(capacity) {}

  /// False when it is full; `value` is then unchanged. [producer]
  bool push(Value& value) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    slots_[tail % slots_.size()].emplace(std::move(value));
    // seq_cst: orders this before the producer's look at whether the consumer sleeps, see WakeUp.
    tail_.store(tail + 1, std::memory_order_seq_cst);
    return true;
  }

  /// [consumer]
  std::optional<Value> pop() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_seq_cst)) return std::nullopt;
    auto& slot = slots_[head % slots_.size()];
    std::optional<Value> value = std::move(slot);
    slot.reset();  // destroyed at once: it may be a key
    head_.store(head + 1, std::memory_order_release);
    return value;
  }

  /// Any thread; for others than the consumer old by the time it returns.
  std::size_t size() const {
    const std::size_t head = head_.load(std::memory_order_acquire);
    return tail_.load(std::memory_order_seq_cst) - head;
  }
  bool empty() const { return size() == 0; }
  std::size_t capacity() const { return slots_.size(); }

 private:
  std::vector<std::optional<Value>> slots_;
  // Counts of all values ever taken and put; they wrap around without harm. Apart: each thread writes its
  // own.
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace causeway::dataplane
