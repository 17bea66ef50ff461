#pragma once

#include <atomic>
#include <cstdint>

namespace causeway::relay {

/// What one link carried and lost; written by data threads and the control thread.
struct LinkCounters {
  std::atomic<std::uint64_t> sent{0};               ///< datagrams to peers
  std::atomic<std::uint64_t> received{0};           ///< datagrams of peers
  std::atomic<std::uint64_t> dropped_by_wrap{0};    ///< no way to that peer yet, or the plugin failed
  std::atomic<std::uint64_t> dropped_by_unwrap{0};  ///< nobody's: noise, forged, of peers not let in
  std::atomic<std::uint64_t> dropped_queue_full{0};
  std::atomic<std::uint64_t> messages{0};  ///< for the plugin

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount = 1) {
    counter.fetch_add(amount, std::memory_order_relaxed);
  }
};

}  // namespace causeway::relay
