#include "dataplane/unresolved.hpp"

#include <algorithm>

namespace causeway::dataplane {

Unresolved::Destination* Unresolved::find(const packet::AddressKey& address) {
  const auto at = std::find_if(destinations_.begin(), destinations_.end(),
                               [&](const auto& destination) { return destination->address == address; });
  return at == destinations_.end() ? nullptr : at->get();
}

Unresolved::Destination& Unresolved::at(const packet::AddressKey& address, std::size_t* lost) {
  if (Destination* there = find(address)) return *there;
  if (destinations_.size() == most_) {
    *lost += destinations_.front()->stage.size();
    destinations_.erase(destinations_.begin());
  }
  return *destinations_.emplace_back(std::make_unique<Destination>(address, *budget_));
}

std::size_t Unresolved::expire(SteadyTime now) {
  std::size_t lost = 0;
  remove_if([&](Destination& destination) {
    lost += destination.stage.expire(now);
    return destination.stage.empty();
  });
  return lost;
}

std::optional<SteadyTime> Unresolved::deadline() const {
  std::optional<SteadyTime> earliest;
  for (const auto& destination : destinations_) {
    if (destination->stage.empty()) continue;
    if (!earliest || destination->stage.deadline() < *earliest) earliest = destination->stage.deadline();
  }
  return earliest;
}

}  // namespace causeway::dataplane
