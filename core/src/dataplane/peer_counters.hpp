#pragma once

#include <atomic>
#include <cstdint>

#include "session/session.hpp"

namespace causeway::dataplane {

/// What one data loop saw of one peer. The loop is the only writer; the control thread reads at its leisure.
/// Times are steady nanoseconds, 0: never; the loop takes the time once per batch.
struct alignas(64) PeerCounters {
  std::atomic<std::uint64_t> tx_packets{0}, tx_bytes{0}, rx_packets{0}, rx_bytes{0};
  std::atomic<std::int64_t> data_sent_at{0}, anything_sent_at{0}, data_received_at{0},
      anything_received_at{0};
  std::atomic<std::int64_t> path_data_received_at{0};  ///< content that came by the path in use
  std::atomic<bool> wants_rekey{false};                ///< set by the loop, cleared by take_snapshot()

  session::TrafficSnapshot take_snapshot();
};

}  // namespace causeway::dataplane
