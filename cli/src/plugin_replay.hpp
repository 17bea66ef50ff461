#pragma once

#include <filesystem>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace causeway::cli {

/// `causeway plugin replay TRACE --plugin FILE[:WEIGHT]…`
struct PluginReplay {
  std::filesystem::path trace;
  std::vector<std::string> plugins;
  std::string configuration;  ///< JSON object, or @FILE; empty: as the trace has it
  std::filesystem::path plot;
  bool as_json = false;
};

/// "FILE" or "FILE:WEIGHT", per mille.
Result<std::pair<std::string, unsigned>> parse_replay_layer(const std::string& text);
/// The report for people.
std::string render_replay(const nlohmann::json& report);
/// 0: done; 1: the trace or a plugin cannot be used.
int run_plugin_replay(const PluginReplay& wanted, std::ostream& out, std::ostream& err);

}  // namespace causeway::cli
