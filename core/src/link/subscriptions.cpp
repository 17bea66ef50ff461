#include "link/subscriptions.hpp"

namespace causeway::link {

using protocol::SubscriptionState;

bool Subscriptions::add(const net::IpAddress& address) {
  if (wanted_.contains(address)) return true;
  if (wanted_.size() >= kMost) return false;
  wanted_.emplace(address, SubscriptionState::pending);
  to_begin_.insert(address);
  to_end_.erase(address);
  return true;
}

void Subscriptions::remove(const net::IpAddress& address) {
  if (wanted_.erase(address) == 0) return;
  if (to_begin_.erase(address) == 0) to_end_.insert(address);
}

std::optional<SubscriptionState> Subscriptions::state(const net::IpAddress& address) const {
  const auto found = wanted_.find(address);
  if (found == wanted_.end()) return std::nullopt;
  return found->second;
}

void Subscriptions::set_state(const protocol::Subscription& told) {
  const auto found = wanted_.find(told.virtual_address);
  if (found != wanted_.end()) found->second = told.state;
}

void Subscriptions::forget(const net::IpAddress& address) {
  wanted_.erase(address);
  to_begin_.erase(address);
  to_end_.erase(address);
}

void Subscriptions::restart() {
  to_end_.clear();
  for (auto& [address, state] : wanted_) {
    state = SubscriptionState::pending;
    to_begin_.insert(address);
  }
}

void Subscriptions::repeat(const std::vector<net::IpAddress>& addresses) {
  for (const net::IpAddress& address : addresses) {
    if (wanted_.contains(address)) to_begin_.insert(address);
  }
}

std::vector<net::IpAddress> Subscriptions::take(std::set<net::IpAddress>& from) {
  std::vector<net::IpAddress> taken;
  while (!from.empty() && taken.size() < protocol::kMaxSubscribeAddresses) {
    taken.push_back(*from.begin());
    from.erase(from.begin());
  }
  return taken;
}

}  // namespace causeway::link
