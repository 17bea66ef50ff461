// Checks that are begun again when every path is lost: a check that was sent some seconds ago is repeated too
// late for a path that opens now.
#include <algorithm>

#include "ice/agent_state.hpp"

namespace causeway::ice {
namespace {

/// A check as young as this is still repeated often.
constexpr Duration kYoung = 700ms;
constexpr std::size_t kMostRechecked = 12;

}  // namespace

void Agent::recheck(Now now) {
  State& s = *state_;
  if (!s.remote) return;
  std::vector<CandidatePair*> pairs;
  for (auto& [id, pair] : s.checklist.pairs()) {
    const CheckTransaction* check = pair.check ? s.transactions.find(*pair.check) : nullptr;
    const bool is_young = check != nullptr && now.steady - check->first_sent < kYoung;
    // Pairs that were valid are probed each second anyway.
    if (!pair.is_valid && !pair.next_probe && !is_young) pairs.push_back(&pair);
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const CandidatePair* a, const CandidatePair* b) { return a->priority > b->priority; });
  if (pairs.size() > kMostRechecked) pairs.resize(kMostRechecked);
  for (CandidatePair* pair : pairs)
    s.trigger_check(*pair, now.steady);
  s.settle(now.steady);
}

}  // namespace causeway::ice
