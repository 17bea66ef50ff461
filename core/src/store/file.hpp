#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace causeway::store {

/// Replaces `file` as a whole: temporary file beside it, fsync, rename, fsync of the directory. After a crash
/// at any moment the file holds the old or the new content, never a mixture.
Result<void> write_file_atomically(const std::filesystem::path& file, ByteView content, unsigned mode);

/// nullopt: there is no such file. More than `max_bytes`, a directory or a device is an error.
Result<std::optional<std::string>> read_small_file(const std::filesystem::path& file, std::size_t max_bytes);

/// "cannot write /dir/x: Read-only file system: …", with what to do about this errno.
Error file_error(std::string_view action, const std::filesystem::path& file, int error_number);

}  // namespace causeway::store
