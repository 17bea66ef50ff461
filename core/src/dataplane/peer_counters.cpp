#include "dataplane/peer_counters.hpp"

namespace causeway::dataplane {
namespace {

std::optional<SteadyTime> time_of(const std::atomic<std::int64_t>& nanoseconds) {
  const std::int64_t value = nanoseconds.load(std::memory_order_relaxed);
  if (value == 0) return std::nullopt;
  return SteadyTime{Duration{value}};
}

}  // namespace

session::TrafficSnapshot PeerCounters::take_snapshot() {
  session::TrafficSnapshot snapshot;
  snapshot.data_sent = time_of(data_sent_at);
  snapshot.anything_sent = time_of(anything_sent_at);
  snapshot.data_received = time_of(data_received_at);
  snapshot.anything_received = time_of(anything_received_at);
  snapshot.wants_rekey = wants_rekey.exchange(false, std::memory_order_relaxed);
  return snapshot;
}

}  // namespace causeway::dataplane
