#include "link_emulator/link_model.hpp"

#include <algorithm>

namespace causeway::emulator {

bool LinkModel::happens(double share) {
  constexpr std::uint64_t kSteps = 1'000'000;
  return share > 0 && random_.below(kSteps) < static_cast<std::uint64_t>(share * kSteps);
}

void LinkModel::on_packet(ByteView packet, SteadyTime now) {
  ++counters_.in;
  if (options_.is_cut || happens(options_.loss)) {
    ++counters_.lost;
    return;
  }
  SteadyTime sent = now;
  if (options_.bits_per_second > 0) {
    const auto nanoseconds = [&](std::size_t bytes) {
      return Duration{static_cast<std::int64_t>(bytes * 8'000'000'000u / options_.bits_per_second)};
    };
    const SteadyTime begins = std::max(now, line_is_free_);
    if (begins - now > nanoseconds(options_.queue_bytes)) {
      ++counters_.queue_full;
      return;
    }
    line_is_free_ = sent = begins + nanoseconds(packet.size());
  }
  SteadyTime arrives = sent + options_.delay;
  if (options_.jitter > 0ms) {
    arrives += Duration{static_cast<std::int64_t>(
        random_.below(static_cast<std::uint64_t>(Duration{options_.jitter}.count()) + 1))};
  }
  arrives = std::max(arrives, newest_);
  if (happens(options_.reorder)) {
    ++counters_.held_back;
    schedule(packet, arrives + options_.reorder_by);
  } else {
    newest_ = arrives;
    schedule(packet, arrives);
  }
  if (happens(options_.duplicate)) {
    ++counters_.duplicated;
    schedule(packet, arrives);
  }
}

void LinkModel::schedule(ByteView packet, SteadyTime at) {
  if (waiting_.size() >= kMostPackets) {
    ++counters_.queue_full;
    return;
  }
  waiting_.emplace(at, Bytes(packet.begin(), packet.end()));
}

std::optional<Bytes> LinkModel::poll(SteadyTime now) {
  if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
  Bytes packet = std::move(waiting_.begin()->second);
  waiting_.erase(waiting_.begin());
  ++counters_.out;
  return packet;
}

std::optional<SteadyTime> LinkModel::next_timeout() const {
  return waiting_.empty() ? std::nullopt : std::optional{waiting_.begin()->first};
}

}  // namespace causeway::emulator
