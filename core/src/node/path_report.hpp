#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/time.hpp"
#include "ice/agent.hpp"
#include "peer/peer.hpp"

/// What path control knows, as JSON for `causeway explain`. Control thread.
namespace causeway::node {

/// Both sides' orders of the pairs, best first, and what the peer's counts for:
/// {"own": [{"local", "remote", "vetoed"}], "peer": the same from our side, or null, "standing": "none" |
/// "heard" | "unknown-pairs" | "flapping", "enabled": bool}.
nlohmann::json orders_report(const peer::Peer& peer, Now now);
/// Adds to the row of one pair: "own_place", "peer_place" (0 is the best), "peer_vetoed", "dead", "deaths",
/// "mtu", "mtu_proven".
void add_path_facts(nlohmann::json& row, const peer::Peer& peer, const ice::PairView& pair, Now now);

}  // namespace causeway::node
