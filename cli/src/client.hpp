#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.hpp"

namespace causeway::cli {

/// One request to the daemon at DIR/causeway.sock and its reply. `on_progress` gets the parameters of each
/// "progress" notification on the way. Errors are for the user and say what to do.
Result<nlohmann::json> call_daemon(const std::filesystem::path& directory, const std::string& method,
                                   const nlohmann::json& params, std::chrono::milliseconds timeout,
                                   const std::function<void(const nlohmann::json&)>& on_progress);

}  // namespace causeway::cli
