#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

/// The daemon's answers for people. Pure: JSON in, text out. Members that are missing, null or of another
/// type are shown as "-": the daemon may be of another version.
namespace causeway::cli {

std::string render_status(const nlohmann::json& status);
std::string render_peers(const nlohmann::json& peers);
std::string render_candidates(const nlohmann::json& candidates);
std::string render_mappings(const nlohmann::json& mappings);
std::string render_checks(const nlohmann::json& checks);
std::string render_history(const nlohmann::json& history);
std::string render_friends(const nlohmann::json& friends);
std::string render_plugins(const nlohmann::json& plugins);
std::string render_explanation(const nlohmann::json& explanation);
std::string render_netcheck(const nlohmann::json& findings);
std::string render_netcheck_step(const nlohmann::json& step);
std::string render_ping_step(const nlohmann::json& step);
std::string render_ping(const nlohmann::json& summary);
/// Any object or list: "a.b  value" lines, lists of objects as tables (metrics, buffers).
std::string render_values(const nlohmann::json& values);

/// The answer to `method`, by the function above that fits; one line for commands that only do something.
std::string render(std::string_view method, const nlohmann::json& result);

}  // namespace causeway::cli
