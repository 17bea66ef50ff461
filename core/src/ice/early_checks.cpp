#include "ice/early_checks.hpp"

#include <utility>

namespace causeway::ice {

void EarlyChecks::remember(EarlyCheck check) {
  for (EarlyCheck& known : checks_) {
    if (known.ufrag != check.ufrag || known.base != check.base || known.from != check.from) continue;
    if (known.request.use_candidate && !check.request.use_candidate) {
      check.request.use_candidate = true;
      check.request.nomination = known.request.nomination;
    }
    known = std::move(check);
    return;
  }
  if (checks_.size() >= kMaxChecks) checks_.pop_front();
  checks_.push_back(std::move(check));
}

std::deque<EarlyCheck> EarlyChecks::take(const std::string& ufrag) {
  std::deque<EarlyCheck> taken;
  std::deque<EarlyCheck> kept;
  for (EarlyCheck& check : checks_) {
    (check.ufrag == ufrag ? taken : kept).push_back(std::move(check));
  }
  checks_ = std::move(kept);
  return taken;
}

}  // namespace causeway::ice
