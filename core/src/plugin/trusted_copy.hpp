#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.hpp"
#include "plugin/signature.hpp"

namespace causeway::plugin {

/// The host's own copy of a plugin file. Checks are made on this copy and it is what gets loaded, so
/// replacing the original is safe, and loading again is really new code (dlopen of a known path or inode
/// returns the old one).
struct TrustedCopy {
  std::filesystem::path path;
  std::string sha256;  ///< hexadecimal, of the contents
};

/// Plugins are some 100 KiB; more than this is a mistake.
inline constexpr std::size_t kMaxPluginBytes = 64u << 20;

/// Reads `file` (regular, owned by root or us, not writable by group or others, a shared library for this
/// machine; with `keys`, signed in FILE.minisig by one of them) and writes it to `directory`/`copy_name`,
/// mode 0500. The directory is made, mode 0700. All checks are of the bytes that are written.
Result<TrustedCopy> make_trusted_copy(const std::filesystem::path& file,
                                      const std::filesystem::path& directory, const std::string& copy_name,
                                      std::span<const SigningKey> keys = {});

}  // namespace causeway::plugin
