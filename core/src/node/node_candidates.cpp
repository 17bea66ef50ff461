// Candidates that the user adds by hand: port forwardings that no protocol tells of.

#include <algorithm>

#include "node/node.hpp"

namespace causeway::node {
namespace {

std::optional<std::string> why_unusable(const net::Endpoint& endpoint) {
  const net::IpAddress& address = endpoint.address;
  if (endpoint.port == 0) return "port 0 cannot be sent to: give the port that the router forwards";
  if (address.is_unspecified()) return "the unspecified address is no place";
  if (address.is_loopback()) return "a loopback address leads nowhere else";
  if (address.is_multicast()) return "a multicast address is no single place";
  if (address.is_broadcast() || !address.is_usable_unicast()) return "it is not a unicast address";
  if (address.is_link_local()) return "a link-local address means something on its own link only";
  return std::nullopt;
}

}  // namespace

Result<void> Node::add_user_candidate(const net::Endpoint& address, Now now) {
  const auto refuse = [&](const std::string& reason) {
    return Error{address.to_string() + " cannot be a candidate: " + reason};
  };
  if (const auto reason = why_unusable(address)) return refuse(*reason);
  if (address.address == virtual_address()) return refuse("it is this node's own virtual address");
  if (state_.on_link && state_.on_link->contains(address.address))
    return refuse("it is a virtual address of this network, and those are reached through candidates");
  for (const auto& [id, base] : bases_) {
    if (base.address == address) return refuse("it is a local address, and a host candidate already");
  }
  auto& list = state_.user_candidates;
  if (std::find(list.begin(), list.end(), address) != list.end()) return {};
  if (list.size() >= store::kMaxUserCandidates) {
    return Error{"there are " + std::to_string(store::kMaxUserCandidates) +
                 " user-added candidates already: take one off by `causeway candidate remove`"};
  }
  list.push_back(address);
  candidates_.set_user_addresses(list);
  save_state();
  rank_candidates();
  run(now);
  return {};
}

Result<void> Node::remove_user_candidate(const net::Endpoint& address, Now now) {
  auto& list = state_.user_candidates;
  if (std::erase(list, address) == 0) {
    return Error{address.to_string() +
                 " was not added by hand: `causeway candidates` shows which are, by the source \"user\""};
  }
  candidates_.set_user_addresses(list);
  save_state();
  rank_candidates();
  run(now);
  return {};
}

}  // namespace causeway::node
