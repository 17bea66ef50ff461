// `causeway history`: docs/history.md says what the figures mean.

#include <cmath>
#include <nlohmann/json.hpp>

#include "history/path_figures.hpp"
#include "node/node_report.hpp"
#include "protocol/messages.hpp"

namespace causeway::node {
namespace {

using Json = nlohmann::json;

/// Three digits behind the point are enough for people and scripts.
double rounded(double value) { return std::round(value * 1000) / 1000; }

Json milliseconds(std::optional<Duration> duration) {
  return duration ? Json(rounded(to_milliseconds(*duration))) : Json(nullptr);
}

Json row_of(const store::PeerHistory& peer, const store::PathRecord& path, Now now) {
  const path::History view = history::view_of(path, path::History::Scope::same, now.wall);
  const auto cost = history::expected_cost(path);
  return {{"peer", peer.name},
          {"identity", peer.identity.to_base64()},
          {"network", path.key.network},
          {"transport", path.key.transport},
          {"relay", path.key.relay ? Json(path.key.relay->to_string()) : Json(nullptr)},
          {"remote", path.key.remote.to_string()},
          {"local_type", path.local_type},
          {"remote_type", path.remote_type},
          {"rtt_ms", milliseconds(view.rtt)},
          {"jitter_ms", milliseconds(view.jitter)},
          {"loss", view.loss ? Json(*view.loss) : Json(nullptr)},
          {"rate_bytes_per_s", view.rate_bytes_per_s ? Json(*view.rate_bytes_per_s) : Json(nullptr)},
          {"samples", rounded(view.samples)},
          {"successes", rounded(view.successes)},
          {"failures", rounded(view.failures)},
          {"disconnects", rounded(view.disconnects)},
          {"working_s", rounded(std::chrono::duration<double>(view.working_time).count())},
          {"last_used", path.worked == WallTime{} ? Json(nullptr) : Json(format_rfc3339(path.worked))},
          {"expected_cost_ms", cost ? Json(rounded(*cost)) : Json(nullptr)}};
}

}  // namespace

Result<Json> history_report(const Node& node, const std::optional<std::string>& wanted, Now now) {
  std::optional<crypto::IdentityPublicKey> identity;
  if (const peer::Peer* known = wanted ? node.find_peer(*wanted) : nullptr)
    identity = known->description().identity;
  Json rows = Json::array();
  if (node.history()) {
    for (const auto& [key, peer] : node.history()->peers()) {
      const bool is_meant =
          !wanted || (identity ? key == *identity : peer.name == *wanted || key.to_base64() == *wanted);
      if (!is_meant) continue;
      for (const store::PathRecord& path : peer.paths)
        rows.push_back(row_of(peer, path, now));
    }
  }
  if (wanted && !identity && rows.empty())
    return Error{"nothing is remembered of \"" + *wanted + "\": `causeway history` lists all peers"};
  return protocol::success(std::move(rows));
}

}  // namespace causeway::node
