#include <algorithm>
#include <utility>

#include "server/src/core/server_core.hpp"

namespace causeway::server {

using protocol::ErrorCode;
using protocol::Json;
using protocol::RpcError;

namespace {

/// Of one node: a directory in which every node has them must still be walked in a few pages.
constexpr std::size_t kMostHintsTold = 8;
static_assert(kMostHintsTold <= protocol::kMaxHints);

/// The side that this address is on. The other end takes a relay's address for one of its owner's own until
/// it knows better.
std::optional<PathSide> find_side(const std::vector<PathSide>& sides, const net::IpAddress& address,
                                  std::string_view type) {
  const PathSide* found = nullptr;
  for (const PathSide& side : sides) {
    if (!side.block.contains(address) || (type == "relay" && !side.is_relay)) continue;
    if (type != "prflx" && type != "relay" && side.is_relay) continue;
    if (!found || found->is_relay) found = &side;
  }
  return found ? std::optional(*found) : std::nullopt;
}

}  // namespace

ServerCore::Answer ServerCore::report(Node& node, const Json& json, Now now) {
  PathReports& reports = reports_[node.row.network];
  if (const auto wait = reports.wait_before_report_ms(node.row.identity, now.steady))
    return RpcError{ErrorCode::try_later, "too many reports", wait};
  const auto params = protocol::ReportParams::parse(json);
  if (!params) return RpcError{ErrorCode::invalid_params, params.error().message};
  if (params->paths.empty()) reports.take_back(node.row.identity);
  bool is_of_anybody = params->paths.empty();
  for (const protocol::PathReport& path : params->paths) {
    const Network& network = directory_.network_of(node);
    const auto found = network.by_address.find(path.peer);
    if (found == network.by_address.end() || found->second == &node || !may_reach(node, *found->second))
      continue;
    is_of_anybody = true;
    Node& peer = *found->second;
    const auto local = find_side(sides_towards(node, peer), path.local, path.local_type);
    const auto remote = find_side(sides_towards(peer, node), path.remote, path.remote_type);
    reports.put(node.row.identity, node.row.user, peer.row.identity, path,
                local && remote ? std::optional(make_path_class(*local, *remote)) : std::nullopt, now.steady);
  }
  if (is_of_anybody) return Json::object();
  return RpcError{ErrorCode::no_such_address, "none of these paths leads to a node that you may reach"};
}

std::vector<PathSide> ServerCore::sides_towards(Node& node, Node& other) const {
  std::optional<net::IpAddress> source;
  if (const auto connection = connections_.find(node.connection); connection != connections_.end())
    source = connection->second.source;
  std::vector<protocol::WireCandidate> candidates = node.candidates;
  if (const auto offer = node.offers.find(&other); offer != node.offers.end())
    candidates.insert(candidates.end(), offer->second.candidates.begin(), offer->second.candidates.end());
  return sides_of(candidates, source);
}

protocol::NodeInfo ServerCore::describe_with_hints(Node& node, Node& asker, Now now) const {
  auto described = describe(node, &asker);
  if (asker.offers.contains(&node) || node.offers.contains(&asker))
    described.hints = hints_for(asker, node, now);
  return described;
}

std::vector<protocol::PathHint> ServerCore::hints_for(Node& asker, Node& about, Now now) const {
  std::vector<protocol::PathHint> hints;
  const auto found = reports_.find(asker.row.network);
  if (found == reports_.end() || found->second.class_count() == 0) return hints;
  const auto theirs = sides_towards(about, asker);
  for (const PathSide& mine : sides_towards(asker, about)) {
    for (const PathSide& other : theirs) {
      const auto opinion =
          found->second.opinion(asker.row.identity, asker.row.user, make_path_class(mine, other), now.steady);
      if (!opinion || opinion->confidence == 0) continue;
      hints.push_back(
          {mine.block, other.block, mine.is_relay, other.is_relay, opinion->score, opinion->confidence});
    }
  }
  std::stable_sort(hints.begin(), hints.end(),
                   [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
  if (hints.size() > kMostHintsTold) hints.resize(kMostHintsTold);
  // One of direct paths fits relayed ones of the same blocks, too: the first that fits counts.
  std::stable_partition(hints.begin(), hints.end(),
                        [](const auto& hint) { return hint.is_local_relay || hint.is_remote_relay; });
  return hints;
}

void ServerCore::forget_reports(const Node& node) {
  if (const auto found = reports_.find(node.row.network); found != reports_.end())
    found->second.forget(node.row.identity);
}

void ServerCore::expire_reports(Now now) {
  if (reports_expire_at_ > now.steady) return;
  reports_expire_at_ = now.steady + kReportExpiry;
  for (auto& [network, reports] : reports_)
    reports.expire(now.steady);
}

ServerCore::Answer ServerCore::list_paths(const Json& params, Now now) {
  const std::vector<Node*> found = nodes_named(params);
  if (found.size() != 1) {
    return RpcError{ErrorCode::invalid_params,
                    found.empty() ? "no node has this name: see `causeway-server nodes`"
                                  : "several networks have a node of this name: add --network"};
  }
  Json list = Json::array();
  const Node& node = *found.front();
  const auto reports = reports_.find(node.row.network);
  if (reports == reports_.end()) return list;
  for (const PathReports::Kept& kept : reports->second.of(node.row.identity)) {
    const Node* peer = directory_.find_node(node.row.network, kept.peer);
    Json row = kept.path.to_json();
    row["virtual_address"] = std::exchange(row["peer"], peer ? Json(peer->row.name) : Json(nullptr));
    row["age_s"] = std::chrono::duration_cast<std::chrono::seconds>(now.steady - kept.reported).count();
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace causeway::server
