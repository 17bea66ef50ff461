#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/result.hpp"
#include "store/history_state.hpp"

namespace causeway::store {

nlohmann::json encode(const std::vector<PeerHistory>& history);
/// As strict as the other decoders; also refuses what is out of bounds, negative or no number, and the same
/// peer or the same paths twice.
Result<std::vector<PeerHistory>> decode_history(const nlohmann::json& content);

}  // namespace causeway::store
