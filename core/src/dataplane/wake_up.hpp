#pragma once

#include <atomic>

#include "net/file_descriptor.hpp"

namespace causeway::dataplane {

/// An eventfd that is written only when its reader may be asleep, so that a busy pair of threads makes no
/// system calls. The reader announces its sleep and then looks at its queues once more; the writer fills a
/// queue and then looks for the announcement. With both sequentially consistent, one of them sees the other.
class WakeUp {
 public:
  /// Throws std::system_error when there are no descriptors left.
  WakeUp();

  /// [writer] After a queue was filled.
  void signal() noexcept;
  /// [reader] From here on signal() makes the descriptor readable. Look at the queues after this, not before.
  void announce_sleep() noexcept { sleeping_.store(true, std::memory_order_seq_cst); }
  /// [reader] Awake: no signals needed.
  void awake() noexcept { sleeping_.store(false, std::memory_order_seq_cst); }
  /// [reader] Makes the descriptor unreadable. A signal that is just being given can make it so again, later:
  /// a reader must call this whenever it finds the descriptor readable.
  void clear() noexcept;
  int descriptor() const { return descriptor_.get(); }

 private:
  net::FileDescriptor descriptor_;
  std::atomic<bool> sleeping_{false};
};

}  // namespace causeway::dataplane
