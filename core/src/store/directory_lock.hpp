#pragma once

#include <filesystem>
#include <utility>

#include "base/result.hpp"

namespace causeway::store {

/// An exclusive lock on DIR/lock, held as long as the object lives and released by the kernel when the
/// process dies. The file holds the owner's pid, for the message that a second process gets.
class DirectoryLock {
 public:
  static Result<DirectoryLock> acquire(const std::filesystem::path& directory);
  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace causeway::store
