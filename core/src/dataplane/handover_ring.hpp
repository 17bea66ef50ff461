#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "base/bytes.hpp"
#include "dataplane/carrier.hpp"
#include "tun/tun_device.hpp"

namespace causeway::dataplane {

/// What stands in front of the bytes that one data loop hands to another.
struct HandoverLabel {
  enum class Kind : std::uint8_t {
    padding,   ///< the rest of the ring's memory: what follows begins at its start
    frame,     ///< read from the TUN, with `header`
    datagram,  ///< received, with `origin`
  };
  Kind kind = Kind::padding;
  std::uint32_t bytes = 0;
  std::uint32_t taken = 0;  ///< of the ring, label and all
  tun::VnetHeader header;
  ReceivedBatch origin{};  ///< without its bytes
};
static_assert(std::is_trivially_copyable_v<HandoverLabel>);

/// Bytes from one thread to another, without locks, in one block of memory that is used over and over: small
/// packets take little of it, and none is ever split. Bounded by that block.
class HandoverRing {
 public:
  /// Free on both sides of a packet's bytes: whoever takes it may write headers in front of it.
  static constexpr std::size_t kHeadroom = 128;
  static constexpr std::size_t kAlignment = 128;
  static constexpr std::size_t kLeastCapacity =
      256 * 1024;  ///< two of the largest frames, wherever they fall

  /// `capacity` is a power of two, not less than kLeastCapacity. Null: there is no memory.
  static std::unique_ptr<HandoverRing> make(std::size_t capacity);

  /// False when it is full. `label.bytes` and `label.taken` are filled in here. [producer]
  bool push(HandoverLabel label, ByteView bytes) noexcept;

  /// `visit(label, bytes)` with the oldest packet, whose bytes are the visitor's until it returns. False:
  /// there is none. [consumer]
  template <class Visit>
  bool pop(Visit&& visit) {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_seq_cst)) return false;
    HandoverLabel label = label_at(head);
    if (label.kind == HandoverLabel::Kind::padding) {
      head += label.taken;
      label = label_at(head);
    }
    visit(label, MutableByteView{at(head) + kHeadroom, label.bytes});
    head_.store(head + label.taken, std::memory_order_release);
    return true;
  }

  /// Any thread; for others than the consumer old by the time it returns.
  std::size_t used() const {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    return static_cast<std::size_t>(tail_.load(std::memory_order_seq_cst) - head);
  }
  bool is_empty() const { return used() == 0; }
  std::size_t capacity() const { return capacity_; }

 private:
  HandoverRing(std::uint8_t* memory, std::size_t capacity) : memory_(memory), capacity_(capacity) {}
  std::uint8_t* at(std::uint64_t position) const { return memory_.get() + (position & (capacity_ - 1)); }
  HandoverLabel label_at(std::uint64_t position) const {
    HandoverLabel label;
    std::memcpy(&label, at(position), sizeof label);
    return label;
  }

  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t capacity_;
  // Bytes ever taken and put. Apart: each thread writes its own.
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace causeway::dataplane
