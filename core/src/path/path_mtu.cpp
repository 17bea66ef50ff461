#include "path/path_mtu.hpp"

#include <algorithm>
#include <array>

namespace causeway::path {
namespace {

/// Sizes that links really have: Ethernet with jumbo frames, plain, behind PPPoE, GRE or 6in4, tunnels in
/// tunnels, IPv6's least, and what is left of the rest.
constexpr std::array<std::uint16_t, 13> kSizes{9000, 4352, 1500, 1492, 1480, 1460, 1440,
                                               1420, 1400, 1380, 1340, 1280, 1006};
constexpr std::uint16_t kLeast = 576;
constexpr std::uint16_t kMost = 9000;
constexpr unsigned kRounds = 3;
/// After a search that nothing answered: the peer may not be ready yet.
constexpr std::array<Duration, 4> kTryAgain{500ms, 1s, 4s, 15s};

}  // namespace

std::uint16_t PathMtu::bounded(std::uint16_t ceiling) { return std::clamp(ceiling, kLeast, kMost); }

void PathMtu::set_ceiling(std::uint16_t ceiling, SteadyTime now) {
  if (bounded(ceiling) == ceiling_) return;
  const bool was_at_ceiling = mtu_ == ceiling_;
  ceiling_ = bounded(ceiling);
  if (mtu_ > ceiling_ || (was_at_ceiling && !is_proven_)) mtu_ = ceiling_;
  if (is_proven_) begin(mtu_, ceiling_, now);
}

void PathMtu::search(SteadyTime now) {
  if (!is_searching_) begin(0, ceiling_, now);
}

void PathMtu::suspect(SteadyTime now) {
  if (!is_searching_) begin(0, mtu_, now);
}

void PathMtu::begin(std::uint16_t known, std::uint16_t most, SteadyTime now) {
  is_searching_ = true;
  best_ = known;
  most_ = most;
  round_ = 0;
  next_ = now;
  if (best_ == most_) finish(now);
}

void PathMtu::finish(SteadyTime now) {
  is_searching_ = false;
  if (best_ == 0) {
    next_ = now + kTryAgain[std::min<std::size_t>(fruitless_++, kTryAgain.size() - 1)];
    return;
  }
  fruitless_ = 0;
  next_.reset();
  if (mtu_ < ceiling_) next_ = now + kRaiseAfter;
}

bool PathMtu::set_mtu(std::uint16_t mtu) {
  if (mtu == mtu_) return false;
  mtu_ = mtu;
  return true;
}

bool PathMtu::on_answer(std::uint16_t ip_bytes, SteadyTime now) {
  if (ip_bytes > ceiling_) return false;
  is_proven_ = true;
  if (is_searching_ && ip_bytes > best_ && ip_bytes <= most_) {
    best_ = ip_bytes;
    if (best_ == most_) {
      const bool changed = best_ > mtu_ && set_mtu(best_);
      finish(now);
      return changed;
    }
  }
  return ip_bytes > mtu_ && set_mtu(ip_bytes);
}

std::vector<std::uint16_t> PathMtu::due(Duration wait, SteadyTime now, bool* changed) {
  if (!next_ || now < *next_) return {};
  if (!is_searching_) begin(is_proven_ && fruitless_ == 0 ? mtu_ : 0, ceiling_, now);
  if (!is_searching_) return {};
  // What was not answered within a round is taken for too long at once, and asked for twice more.
  if (round_ > 0 && best_ != 0 && best_ < mtu_) *changed |= set_mtu(best_);
  if (round_ == kRounds) {
    finish(now);
    return {};
  }
  ++round_;
  next_ = now + wait;
  std::vector<std::uint16_t> sizes{most_};
  for (const std::uint16_t size : kSizes) {
    if (size < most_ && size > best_) sizes.push_back(size);
  }
  if (best_ < kLeast && most_ > kLeast) sizes.push_back(kLeast);
  return sizes;
}

}  // namespace causeway::path
