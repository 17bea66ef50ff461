#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.hpp"
#include "net/nic_monitor.hpp"

namespace causeway::daemon {

/// More addresses than this on one machine are somebody's mistake or an attack by router advertisements.
inline constexpr std::size_t kMaxBases = 32;
inline constexpr std::size_t kMaxIgnoredListed = 64;

struct ChosenAddress {
  std::string interface;
  net::Prefix on_link;
  std::uint16_t mtu = 1500;
  std::optional<net::IpAddress> gateway = {};
};
/// An address of this machine that is no host candidate, and why.
struct IgnoredAddress {
  std::string interface;
  net::IpAddress address;
  std::string reason;
};
struct BaseChoice {
  std::map<net::IpAddress, ChosenAddress> chosen;
  std::vector<IgnoredAddress> ignored;  ///< at most kMaxIgnoredListed
};

/// Which local addresses become host candidates. In this order: what the interface is, what the policy says
/// of its name, what the address is, what the policy says of it, room. `in_use` has bases now: one that
/// became deprecated stays until it is gone, since its connections live on (RFC 4862 §5.5.4).
BaseChoice choose_addresses(const std::vector<net::Interface>& interfaces, const CandidatePolicy& policy,
                            std::string_view own_tun, const std::set<net::IpAddress>& in_use);

}  // namespace causeway::daemon
