#pragma once

#include <nlohmann/json_fwd.hpp>

#include "replay/run.hpp"

namespace causeway::replay {

/// What a run came to: totals, those of each peer, and its choices. Times are seconds since `begin`.
nlohmann::json report(const Run& run, SteadyTime begin);
/// How far it made the recorded choices.
nlohmann::json comparison_report(const Run& run, SteadyTime begin);

}  // namespace causeway::replay
