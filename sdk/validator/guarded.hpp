#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway::validator {

/// Memory whose last byte is followed by a page that may not be touched: what is placed first ends there, so
/// that a reader or writer that goes too far faults at once, and the fault handler can say in what.
class Guarded {
 public:
  /// `label`: a literal, "the array of pairs". `most`: bytes that are placed at once.
  Guarded(const char* label, std::size_t most);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  /// Everything placed before is void; writable.
  void reset();
  /// Room for `size` bytes, aligned to 8 unless `size` is not a multiple of it. The first ends at the guard.
  void* place(std::size_t size);
  /// For the length of a call that may only read it.
  void set_read_only();
  void set_writable();

  const char* label() const { return label_; }

 private:
  const char* label_;
  std::uint8_t* begin_;
  std::size_t usable_;
  std::size_t left_;
};

/// What is known of a fault at this address; null if it is nowhere near guarded memory. Async-signal-safe.
const char* explain_fault(std::uintptr_t address, bool& is_write_protected);

}  // namespace causeway::validator
