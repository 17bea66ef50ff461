#include "plugin/trusted_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "plugin/elf_check.hpp"

namespace causeway::plugin {

namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string errno_text() { return std::generic_category().message(errno); }

Result<void> check_owner(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return Error{"not a regular file"};
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error{fmt::format(
        "owned by uid {}: plugins must belong to root or to the daemon's user (chown root)", status.st_uid)};
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{fmt::format("writable by others (mode {:04o}): take that away first (chmod go-w)",
                             static_cast<unsigned>(status.st_mode & 07777))};
  }
  if (status.st_size <= 0) return Error{"the file is empty"};
  if (static_cast<std::uint64_t>(status.st_size) > kMaxPluginBytes) {
    return Error{fmt::format("too big ({} bytes, at most {})", status.st_size, kMaxPluginBytes)};
  }
  return {};
}

Result<Bytes> read_checked(const std::filesystem::path& file, Result<void> (*check)(const struct stat&)) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const FileDescriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (in.get() < 0) return Error{fmt::format("cannot be opened: {}", errno_text())};
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) return Error{fmt::format("cannot be examined: {}", errno_text())};
  if (auto ok = check(status); !ok) return ok.error();
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(in.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Error{"changed while it was read: try again"};
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

/// Anybody may own a signature: it proves itself.
Result<void> check_signature_file(const struct stat& status) {
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) <= kMaxSignatureBytes) return {};
  return Error{"it is no file of four lines"};
}

Result<void> check_signed(const std::filesystem::path& file, ByteView bytes,
                          std::span<const SigningKey> keys) {
  auto beside = file;
  beside += ".minisig";
  const auto signature = read_checked(beside, check_signature_file);
  if (!signature) {
    return Error{
        fmt::format("not signed, and plugins.keys asks for it: {} {}: put it there (minisign -Sm {})",
                    beside.filename().string(), signature.error().message, file.filename().string())};
  }
  return check_signature(bytes, as_text(*signature), keys);
}

Result<void> make_private(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory.parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{fmt::format("cannot make {}: {}", directory.string(), errno_text())};
  }
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
    return Error{fmt::format("{} is not a directory of the daemon's user: remove it", directory.string())};
  }
  if ((status.st_mode & 077) != 0 && ::chmod(directory.c_str(), 0700) != 0) {
    return Error{fmt::format("cannot make {} private: {}", directory.string(), errno_text())};
  }
  return {};
}

Result<void> write_new(const std::filesystem::path& path, ByteView bytes) {
  ::unlink(path.c_str());  // a leftover of an earlier process
  const FileDescriptor out(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0500));
  std::size_t done = 0;
  while (out.get() >= 0 && done < bytes.size()) {
    const ssize_t put = ::write(out.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) break;
    done += static_cast<std::size_t>(put);
  }
  if (done == bytes.size()) return {};
  const Error error{fmt::format("cannot write {}: {}", path.string(), errno_text())};
  if (out.get() >= 0) ::unlink(path.c_str());
  return error;
}

std::string sha256_hex(ByteView bytes) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return to_hex(ByteView(digest).first(size));
}

}  // namespace

Result<TrustedCopy> make_trusted_copy(const std::filesystem::path& file,
                                      const std::filesystem::path& directory, const std::string& copy_name,
                                      std::span<const SigningKey> keys) {
  const auto bytes = read_checked(file, check_owner);
  if (!bytes) return bytes.error();
  if (auto ok = check_elf(*bytes); !ok) return ok.error();
  if (!keys.empty()) {
    if (auto ok = check_signed(file, *bytes, keys); !ok) return ok.error();
  }
  if (auto ok = make_private(directory); !ok) return ok.error();
  TrustedCopy copy{directory / copy_name, sha256_hex(*bytes)};
  if (auto ok = write_new(copy.path, *bytes); !ok) return ok.error();
  return copy;
}

}  // namespace causeway::plugin
