#include "daemon/base_choice.hpp"

#include <algorithm>

namespace causeway::daemon {
namespace {

using net::NotCandidate;

std::optional<std::string> why_not(const net::Interface& interface, const CandidatePolicy& policy) {
  const NotCandidate reason = net::why_no_candidate(interface);
  const bool is_wanted_kind = (reason == NotCandidate::tunnel || reason == NotCandidate::bridge) &&
                              policy.names_interface(interface.name);
  if (reason != NotCandidate::is_candidate && !is_wanted_kind) return std::string(net::to_text(reason));
  if (!interface.up || !interface.running) return std::string(net::to_text(NotCandidate::not_running));
  return policy.why_not_interface(interface.name);
}

/// RFC 8445 §5.1.1.1: where an address that hides its owner is gathered, one of the same interface and
/// network that shows him is not.
bool is_given_away(const net::InterfaceAddress& address, const net::Interface& interface) {
  if (address.temporary || !address.shows_hardware_address()) return false;
  return std::any_of(interface.addresses.begin(), interface.addresses.end(), [&](const auto& other) {
    return other.temporary && other.prefix() == address.prefix() &&
           net::why_no_candidate(other) == NotCandidate::is_candidate;
  });
}

std::optional<std::string> why_not(const net::InterfaceAddress& address, const net::Interface& interface,
                                   const CandidatePolicy& policy, const std::set<net::IpAddress>& in_use) {
  const NotCandidate reason = net::why_no_candidate(address);
  const bool lives_on = reason == NotCandidate::deprecated && in_use.contains(address.address);
  if (reason != NotCandidate::is_candidate && !lives_on) return std::string(net::to_text(reason));
  if (is_given_away(address, interface))
    return "made of the hardware address; the temporary address of its network is used";
  return policy.why_not_address(address.address);
}

}  // namespace

BaseChoice choose_addresses(const std::vector<net::Interface>& interfaces, const CandidatePolicy& policy,
                            std::string_view own_tun, const std::set<net::IpAddress>& in_use) {
  BaseChoice choice;
  for (const net::Interface& interface : interfaces) {
    if (interface.name == own_tun) continue;
    const auto interface_reason = why_not(interface, policy);
    for (const net::InterfaceAddress& address : interface.addresses) {
      auto reason = interface_reason ? interface_reason : why_not(address, interface, policy, in_use);
      if (!reason && choice.chosen.contains(address.address))
        reason = "another interface has the same address";
      if (!reason && choice.chosen.size() >= kMaxBases)
        reason = "this machine has more than " + std::to_string(kMaxBases) + " addresses";
      if (reason) {
        if (choice.ignored.size() < kMaxIgnoredListed)
          choice.ignored.push_back({interface.name, address.address, std::move(*reason)});
        continue;
      }
      const auto mtu = static_cast<std::uint16_t>(std::clamp<std::uint32_t>(interface.mtu, 576, 65535));
      choice.chosen.emplace(address.address, ChosenAddress{interface.name, address.prefix(), mtu,
                                                           interface.gateway(address.address.family())});
    }
  }
  return choice;
}

}  // namespace causeway::daemon
