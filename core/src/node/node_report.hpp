#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "node/node.hpp"

/// What `causeway` shows of a node, as JSON: the field names are a contract with scripts
/// (docs/operations.md). Unknown numbers are null. Control thread.
namespace causeway::node {

struct InterfaceFacts {
  std::string name;
  int mtu = 0;
};

nlohmann::json status_report(const Node& node, const InterfaceFacts& interface, Now now);
nlohmann::json peers_report(const Node& node, Now now);
/// Our user's friends with their nodes, as far as they are known here.
nlohmann::json friends_report(const Node& node);
nlohmann::json friend_report(const Node& node, const store::Friend& known);
nlohmann::json candidates_report(const Node& node);
nlohmann::json candidates_report(const peer::Peer& peer);
/// What was told and is no candidate, with the reason: of this node's sources, or of a peer.
nlohmann::json ignored_candidates_report(const Node& node);
nlohmann::json ignored_candidates_report(const peer::Peer& peer);
/// How much of each bounded list of this peer is used.
nlohmann::json candidate_limits_report(const peer::Peer& peer);
nlohmann::json mappings_report(const Node& node);
/// Of one peer, or of all.
nlohmann::json checks_report(const Node& node, const peer::Peer* only);
/// What is remembered of paths: of the peer of this name, virtual address or identity, or of all. The error
/// says that nothing is known of it.
Result<nlohmann::json> history_report(const Node& node, const std::optional<std::string>& peer, Now now);
/// Every pair with its state, measurements and score, and the rule that chose.
nlohmann::json explain_report(const Node& node, const peer::Peer& peer, Now now);

}  // namespace causeway::node
