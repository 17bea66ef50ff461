#include "link/node_verifier.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "link/candidate_conversion.hpp"
#include "protocol/name.hpp"
#include "protocol/virtual_address6.hpp"

namespace causeway::link {
namespace {

/// A server can make up identities without end, each with a valid record. Past this many the memory of one
/// makes room for the next.
constexpr std::size_t kMaxSeenIdentities = 20'000;

path::HintFor hint_from_wire(const protocol::PathHint& hint) {
  const auto type = [](bool is_relay) {
    return is_relay ? std::optional(ice::CandidateType::relayed) : std::nullopt;
  };
  return {.local = hint.local,
          .remote = hint.remote,
          .local_type = type(hint.is_local_relay),
          .remote_type = type(hint.is_remote_relay),
          .hint = {hint.score, hint.confidence}};
}

}  // namespace

Result<std::optional<net::IpAddress>> announced_address6(const protocol::NodeRecord& record,
                                                         const net::IpAddress& virtual_address,
                                                         const std::optional<net::Prefix>& prefix6) {
  std::optional<net::IpAddress> announced;
  if (!prefix6 || !virtual_address.is_v4()) return announced;
  const auto own = protocol::virtual_address6(*prefix6, virtual_address);
  for (const net::IpAddress& address : record.virtual_addresses) {
    if (address.is_v4()) continue;
    if (address != own) return Error{"the signed record names an IPv6 address that is not the node's"};
    announced = own;
  }
  return announced;
}

Result<NodeDescription> NodeVerifier::verify(const protocol::NodeInfo& node, WallTime now) {
  const auto refuse = [&node](std::string_view why) {
    return Error{fmt::format("the server's description of {} is not believed: {}",
                             node.virtual_address.to_string(), why)};
  };
  if (on_link_ && !on_link_->contains(node.virtual_address))
    return refuse("the address is outside the network's prefix");
  auto record = protocol::verify(node.record, network_, now);
  if (!record) return refuse(protocol::to_string(record.error()));
  if (record->identity == self_) return refuse("it is this node itself");
  const auto& addresses = record->virtual_addresses;
  if (std::find(addresses.begin(), addresses.end(), node.virtual_address) == addresses.end()) {
    return refuse("the signed record does not name this address");
  }
  const auto address6 = announced_address6(*record, node.virtual_address, prefix6_);
  if (!address6) return refuse(address6.error().message);
  if (protocol::fold_name(record->name) != protocol::fold_name(node.name)) {
    return refuse("the signed record has another name");
  }

  const auto seen = seen_.find(record->identity);
  if (seen != seen_.end() && record->serial < seen->second)
    return refuse("a newer signed record has been seen");
  if (seen != seen_.end()) {
    seen->second = record->serial;
  } else {
    if (seen_.size() >= kMaxSeenIdentities) seen_.erase(seen_.begin());
    seen_.emplace(record->identity, record->serial);
  }

  NodeDescription described{node.virtual_address,       record->name, node.online, *record,
                            from_wire(node.candidates), node.record,  node.user,   *address6};
  if (node.hints) {
    auto& hints = described.hints.emplace();
    for (const protocol::PathHint& hint : *node.hints)
      hints.push_back(hint_from_wire(hint));
  }
  return described;
}

}  // namespace causeway::link
