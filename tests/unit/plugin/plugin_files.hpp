#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace causeway::plugin::test {

/// The build's root, found from this program (BUILD/bin/unit_plugin).
inline std::filesystem::path build_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}
inline std::filesystem::path shipped_plugin(const std::string& name) {
  return build_directory() / "lib/causeway/plugins" / (name + ".so");
}
inline std::filesystem::path test_plugin(const std::string& name) {
  return build_directory() / "lib/causeway/test-plugins" / (name + ".so");
}
inline std::filesystem::path probe_program() { return build_directory() / "bin/plugin_probe"; }

/// A directory of its own, removed afterwards.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "causeway-plugin-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~ScratchDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace causeway::plugin::test
