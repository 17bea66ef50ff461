#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/result.hpp"
#include "store/friend_state.hpp"
#include "store/node_state.hpp"

namespace causeway::store {

/// Values to JSON and back. Reading is strict: a missing, mistyped or unknown member is an error that names
/// it, since what we wrote ourselves can only differ when it was damaged or edited.
nlohmann::json encode(const NodeKeys& keys);
nlohmann::json encode(const NodeState& state);
nlohmann::json encode(const std::vector<KnownPeer>& peers);
nlohmann::json encode(const FriendState& state);

Result<NodeKeys> decode_keys(const nlohmann::json& content);
Result<NodeState> decode_state(const nlohmann::json& content);
Result<std::vector<KnownPeer>> decode_known_peers(const nlohmann::json& content);
Result<FriendState> decode_friends(const nlohmann::json& content);

}  // namespace causeway::store
