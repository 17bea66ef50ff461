#include "plugin/builtin.hpp"

#include <algorithm>
#include <map>

#include "causeway/ext/priority.h"

namespace causeway::plugin {

std::vector<std::uint32_t> builtin_rank(std::span<const ice::Candidate> candidates) {
  std::map<net::BaseId, std::uint16_t> preference;
  std::vector<std::uint32_t> ranks;
  ranks.reserve(candidates.size());
  for (const ice::Candidate& candidate : candidates) {
    const auto next = static_cast<std::uint16_t>(0xffff - std::min<std::size_t>(preference.size(), 0xffff));
    const auto at = preference.try_emplace(candidate.base, next).first;
    ranks.push_back(ice::recommended_priority(candidate.type, at->second));
  }
  return ranks;
}

std::vector<path::Score> builtin_score(std::span<const path::PathView> paths) {
  std::vector<std::uint64_t> order;
  for (const path::PathView& path : paths)
    order.push_back(path.pair_priority);
  std::sort(order.begin(), order.end());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::vector<path::Score> scores;
  for (const path::PathView& path : paths) {
    const auto place = std::lower_bound(order.begin(), order.end(), path.pair_priority) - order.begin() + 1;
    scores.push_back({.id = path.id,
                      .score = CW_MAX_SCORE * place / static_cast<std::ptrdiff_t>(order.size()),
                      .vetoed = false,
                      .reason = "RFC 8445 pair priority"});
  }
  return scores;
}

}  // namespace causeway::plugin
