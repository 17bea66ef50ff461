#pragma once

#include <string>

#include "base/result.hpp"

namespace causeway::server {

/// Holds DIR/lock, so that no two programs change one state directory. Let go by the kernel when the process
/// ends, however.
class FileLock {
 public:
  /// Fails at once if another process holds it.
  static Result<FileLock> acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace causeway::server
