#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace causeway::replay {

/// `causeway plugin replay`: a trace, the plugins that are to choose, and nothing of a daemon.
struct OfflineTask {
  struct Plugin {
    std::filesystem::path file;
    std::uint32_t weight_per_mille = 1000;
  };
  std::filesystem::path trace;
  std::vector<Plugin> plugins;  ///< a stack, in order
  /// JSON object for the first plugin; nullopt: as the trace has it for the plugin of this name.
  std::optional<std::string> configuration;
  bool draws = false;
};

struct OfflineOutcome {
  /// docs/replay.md describes it.
  std::string report;   ///< JSON, one object
  std::string picture;  ///< SVG, if it was asked for
};

/// Plugins run in this process: one that crashes ends it.
Result<OfflineOutcome> replay_offline(const OfflineTask& task);

}  // namespace causeway::replay
