#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "daemon/config.hpp"

namespace causeway::daemon {

struct DaemonOptions {
  std::filesystem::path directory;                   ///< state stays here
  std::optional<std::string> join_token;             ///< text; absent: as enrolled before
  Config config;                                     ///< with what the command line overrides
  std::optional<std::filesystem::path> config_file;  ///< read again on SIGHUP
  std::filesystem::path plugin_directory;            ///< where the shipped plugins are
  std::filesystem::path program;                     ///< causewayd itself, to probe plugins with
};

/// The driver around one node: opens what the node needs from the machine, carries events in and actions out.
/// Returns the exit code; errors are on stderr.
int run_daemon(DaemonOptions options);

}  // namespace causeway::daemon
