#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace causeway::dataplane {

/// A hash table of 32-bit keys, never 0, for look-ups on the packet path: one array, linear probing, at most
/// half full. Allocates only in insert(). Pointers to values hold until the next insert or erase.
template <class Value>
class FlatTable {
 public:
  Value* find(std::uint32_t key) {
    if (size_ == 0 || key == 0) return nullptr;
    for (std::size_t at = home(key);; at = next(at)) {
      if (slots_[at].key == key) return &slots_[at].value;
      if (slots_[at].key == 0) return nullptr;
    }
  }

  /// Replaces the value of a key that is there.
  Value& insert(std::uint32_t key, Value value) {
    if (Value* there = find(key)) return *there = std::move(value);
    if ((size_ + 1) * 2 > slots_.size()) grow();
    ++size_;
    return place(key, std::move(value));
  }

  bool erase(std::uint32_t key) {
    Value* there = find(key);
    if (!there) return false;
    std::size_t hole = home(key);
    while (slots_[hole].key != key)
      hole = next(hole);
    // Moves back what was pushed past the hole, so that probing needs no tombstones.
    for (std::size_t at = next(hole); slots_[at].key != 0; at = next(at)) {
      const std::size_t distance = (at - home(slots_[at].key)) & (slots_.size() - 1);
      if (distance >= ((at - hole) & (slots_.size() - 1))) {
        slots_[hole] = std::move(slots_[at]);
        hole = at;
      }
    }
    slots_[hole] = {};
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }

  /// `visit(key, value)` must neither insert nor erase.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (Slot& slot : slots_) {
      if (slot.key != 0) visit(slot.key, slot.value);
    }
  }

 private:
  struct Slot {
    std::uint32_t key = 0;
    Value value{};
  };

  std::size_t home(std::uint32_t key) const { return (key * 0x9e3779b1u) >> shift_; }
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  Value& place(std::uint32_t key, Value&& value) {
    std::size_t at = home(key);
    while (slots_[at].key != 0)
      at = next(at);
    slots_[at].key = key;
    return slots_[at].value = std::move(value);
  }

  void grow() {
    std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 16 : slots_.size() * 2));
    shift_ = 32 - std::countr_zero(slots_.size());
    for (Slot& slot : old) {
      if (slot.key != 0) place(slot.key, std::move(slot.value));
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  int shift_ = 32;
};

}  // namespace causeway::dataplane
