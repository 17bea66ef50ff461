#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace causeway::node {

/// Who may hear of this node's changes without a connection (spec M9/M10).
enum class SubscriptionPolicy : std::uint8_t {
  friends,  ///< nodes of friends and of our own user
  all,      ///< every node that may reach us
  none,
};

inline std::optional<SubscriptionPolicy> parse_subscription_policy(std::string_view text) {
  if (text == "friends") return SubscriptionPolicy::friends;
  if (text == "all") return SubscriptionPolicy::all;
  if (text == "none") return SubscriptionPolicy::none;
  return std::nullopt;
}

}  // namespace causeway::node
