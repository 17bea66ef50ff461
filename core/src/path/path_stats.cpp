#include "path/path_stats.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace causeway::path {
namespace {

constexpr std::uint32_t kWindow = 32;
/// A rate that the path carried counts half after so long a time with less.
constexpr Duration kRateHalfLife = std::chrono::minutes(5);
/// No answer of another process is faster. A transport that claims so must not win by it.
constexpr Duration kLeastBelievable = std::chrono::microseconds(2);

}  // namespace

void PathStats::on_answer(Duration rtt) {
  measure(rtt);
  losses_in_a_row_ = 0;
  record_outcome(false);
}

void PathStats::on_data_answer(Duration rtt) {
  measure(rtt);
  record_outcome(false);
}

void PathStats::measure(Duration rtt) {
  if (rtt < kLeastBelievable) return;
  // RFC 6298 §2: SRTT and RTTVAR with alpha 1/8 and beta 1/4, RTTVAR first.
  if (!measured_.rtt) {
    measured_.rtt = rtt;
    measured_.jitter = rtt / 2;
  } else {
    const Duration deviation = *measured_.rtt > rtt ? *measured_.rtt - rtt : rtt - *measured_.rtt;
    measured_.jitter = (*measured_.jitter * 3 + deviation) / 4;
    measured_.rtt = (*measured_.rtt * 7 + rtt) / 8;
  }
}

void PathStats::on_loss() {
  ++losses_in_a_row_;
  record_outcome(true);
}

void PathStats::on_disconnect() {
  ++measured_.disconnects;
  losses_in_a_row_ = 0;
}

void PathStats::on_rate(std::uint64_t bytes_per_s, Duration window) {
  const double windows = std::chrono::duration<double>(window) / std::chrono::duration<double>(kRateHalfLife);
  const double faded = static_cast<double>(measured_.rate_bytes_per_s.value_or(0)) * std::exp2(-windows);
  const auto rate = std::max(bytes_per_s, static_cast<std::uint64_t>(faded));
  measured_.rate_bytes_per_s = rate > 0 ? std::optional{rate} : std::nullopt;
}

void PathStats::record_outcome(bool lost) {
  ++(lost ? losses_ : answers_);
  recent_ = recent_ << 1 | (lost ? 1 : 0);
  recorded_ = std::min(recorded_ + 1, kWindow);
  measured_.loss = static_cast<double>(std::popcount(recent_)) / recorded_;
  if (measured_.probes < UINT32_MAX) ++measured_.probes;
}

}  // namespace causeway::path
