#pragma once

#include <filesystem>

namespace causeway::plugin {

/// While it lives, a memory fault, an abort or an exit() in this process leaves a file behind: who is killed
/// from outside, or loses power, has no plugin to blame. One at a time in a process.
class FaultNote {
 public:
  explicit FaultNote(const std::filesystem::path& directory);
  ~FaultNote();
  FaultNote(const FaultNote&) = delete;
  FaultNote& operator=(const FaultNote&) = delete;

  /// True if an earlier process left its note in this directory; takes it away.
  static bool take(const std::filesystem::path& directory);
};

}  // namespace causeway::plugin
