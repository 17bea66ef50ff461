#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>

namespace causeway::cli {

/// `causeway plugin record PEER|--all FILE`, and `--stop` for one that goes on in the daemon.
struct PluginRecord {
  std::filesystem::path directory;  ///< of the daemon
  std::string peer;                 ///< empty: all
  std::filesystem::path file;
  std::uint32_t seconds = 60;
  std::uint32_t megabytes = 256;
  bool stops = false;
  bool as_json = false;
};

/// The daemon records; an interrupt here ends the recording, and what was recorded is whole.
int run_plugin_record(const PluginRecord& wanted, std::ostream& out, std::ostream& err);

}  // namespace causeway::cli
