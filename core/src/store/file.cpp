#include "store/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace causeway::store {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// 0 or the errno of the write that failed.
int write_all(int fd, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

int write_temporary(const std::filesystem::path& temporary, ByteView content, unsigned mode) {
  const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (fd.get() < 0) return errno;
  // The mode of open() is cut by the umask and ignored when a crash left the file behind.
  if (::fchmod(fd.get(), mode) != 0) return errno;
  if (const int error = write_all(fd.get(), content)) return error;
  return ::fsync(fd.get()) == 0 ? 0 : errno;
}

std::string_view advice(int error_number) {
  switch (error_number) {
    case EROFS:
      return "the file system is read-only: remount it writable, or choose another directory";
    case EACCES:
    case EPERM:
      return "run as the user who owns it, or choose another directory";
    case ENOSPC:
    case EDQUOT:
      return "free some space there";
    case EIO:
      return "check the disk";
    default:
      return "";
  }
}

}  // namespace

Error file_error(std::string_view action, const std::filesystem::path& file, int error_number) {
  const std::string_view what = advice(error_number);
  return {fmt::format("cannot {} {}: {}{}{}", action, file.string(), std::strerror(error_number),
                      what.empty() ? "" : ": ", what)};
}

Result<void> write_file_atomically(const std::filesystem::path& file, ByteView content, unsigned mode) {
  std::filesystem::path temporary = file;
  temporary += ".tmp";
  int error = write_temporary(temporary, content, mode);
  if (error == 0 && ::rename(temporary.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    return file_error("write", file, error);
  }
  const Descriptor directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0)
    return file_error("write", file.parent_path(), errno);
  return {};
}

Result<std::optional<std::string>> read_small_file(const std::filesystem::path& file, std::size_t max_bytes) {
  // O_NONBLOCK: a FIFO put in the file's place must not stop us.
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    if (errno == ENOENT) return std::optional<std::string>{};
    return file_error("read", file, errno);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return file_error("read", file, errno);
  if (!S_ISREG(status.st_mode))
    return Error{fmt::format("{} is no regular file: move it away", file.string())};
  std::string content;
  char block[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read", file, errno);
    if (got == 0) break;
    content.append(block, static_cast<std::size_t>(got));
    if (content.size() > max_bytes) {
      return Error{
          fmt::format("{} is larger than {} bytes, which no such file may be", file.string(), max_bytes)};
    }
  }
  return std::optional<std::string>{std::move(content)};
}

}  // namespace causeway::store
