#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "plugin/fault_note.hpp"

namespace causeway::plugin {

/// Remembers across restarts which plugin was in use when the process died of a fault (FaultNote): that
/// cannot be survived, but it must not come again for ever. One small file per plugin; another build (hash)
/// of it starts with a clean slate.
class CrashMarkers {
 public:
  static constexpr int kCrashLimit = 2;
  static constexpr Duration kTrial =
      60s;  ///< a crash later than this after activation is not held against it

  /// Takes the fault note of the process before.
  explicit CrashMarkers(std::filesystem::path directory)
      : directory_(std::move(directory)), died_of_fault_(FaultNote::take(directory_)) {}

  /// Refuses a plugin that twice did not live to the end of its trial.
  Result<void> may_start(const std::string& id, const std::string& sha256) const;
  /// Written before activation.
  void started(const std::string& id, const std::string& sha256);
  /// The trial is over: forget it all.
  void survived(const std::string& id);
  /// Orderly end before the trial was over.
  void stopped(const std::string& id, const std::string& sha256);

 private:
  struct Record {
    int crashes = 0;
    bool is_running = false;
  };
  std::filesystem::path file_of(const std::string& id) const { return directory_ / (id + ".trial"); }
  /// What counts against this build, a process that died while it ran included.
  int crashes(const std::string& id, const std::string& sha256) const;
  Record read(const std::string& id, const std::string& sha256) const;
  void write(const std::string& id, const std::string& sha256, Record record);

  std::filesystem::path directory_;
  bool died_of_fault_;
};

}  // namespace causeway::plugin
