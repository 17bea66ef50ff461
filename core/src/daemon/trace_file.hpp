#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.hpp"

namespace causeway::daemon {

/// A new file that is written to its end on a thread of its own. What waits is bounded: a disk that does not
/// keep up ends it, and holds up nobody. Control thread, but for the writing.
class TraceFile {
 public:
  static constexpr std::size_t kMostWaiting = 8 * 1024 * 1024;

  /// `path` must not exist. Opening is the thread's business, too: failure() tells.
  explicit TraceFile(std::filesystem::path path);
  /// Waits until what was appended is written.
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  /// Dropped after a failure.
  void append(std::string_view text);
  /// Nothing more comes. `done` is called on the writer's thread once all is on disk, with what went wrong.
  void finish(std::function<void(Result<void>)> done);
  /// Bytes appended so far.
  std::uint64_t bytes() const { return bytes_; }
  /// Empty: all is well. [thread-safe]
  std::string failure() const;

 private:
  void work();
  Result<void> write_all();

  const std::filesystem::path path_;
  std::uint64_t bytes_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_up_;
  std::string waiting_;
  std::string failure_;
  bool is_finished_ = false;
  std::function<void(Result<void>)> done_;
  std::thread thread_;
};

}  // namespace causeway::daemon
