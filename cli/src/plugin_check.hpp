#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>

namespace causeway::cli {

/// What `causeway plugin check` is to look at.
struct PluginCheck {
  std::filesystem::path file;
  bool as_json = false;
  std::uint64_t seed = 1;
};

/// Prints the findings. 0: none that keeps the plugin from use; 1: some.
int run_plugin_check(const PluginCheck& wanted, std::ostream& out, std::ostream& err);

}  // namespace causeway::cli
