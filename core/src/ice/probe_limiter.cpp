#include "ice/probe_limiter.hpp"

#include <algorithm>

namespace causeway::ice {
namespace {

constexpr Duration kWindow = std::chrono::seconds(1);
/// Entries older than the window are swept when there are this many.
constexpr std::size_t kSweepSize = 256;

template <class Map, class Key>
SteadyTime allowed_in(const Map& map, const Key& key, std::size_t limit) {
  const auto found = map.find(key);
  if (found == map.end() || found->second.size() < limit) return SteadyTime::min();
  return found->second.front() + kWindow;
}

template <class Map, class Key>
void record_in(Map& map, const Key& key, std::size_t limit, SteadyTime now) {
  if (map.size() >= kSweepSize) {
    std::erase_if(map, [now](const auto& entry) { return entry.second.back() + kWindow <= now; });
  }
  auto& times = map[key];
  times.push_back(now);
  if (times.size() > limit) times.pop_front();
}

}  // namespace

SteadyTime ProbeLimiter::allowed_at(const net::Endpoint& to) const {
  return std::max(allowed_in(endpoints_, to, kPerEndpoint), allowed_in(addresses_, to.address, kPerAddress));
}

void ProbeLimiter::on_sent(const net::Endpoint& to, SteadyTime now) {
  record_in(endpoints_, to, kPerEndpoint, now);
  record_in(addresses_, to.address, kPerAddress, now);
}

}  // namespace causeway::ice
