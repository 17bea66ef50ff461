#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/endpoint.hpp"

/// NAME.cw of every node, kept in one managed block of the hosts file. Blocks of different directories live
/// side by side, so that several daemons on one machine don't fight.
namespace causeway::daemon {

struct HostName {
  net::IpAddress address;
  std::string name;  ///< without ".cw"
  friend bool operator==(const HostName&, const HostName&) = default;
};

/// `text` with the block of `owner` (the state directory) replaced, or removed when `names` is empty.
/// Everything else stays byte by byte. Names that are no valid host names, and later entries of a name
/// already listed with an address of that family, are left out.
std::string replace_hosts_block(std::string_view text, std::string_view owner,
                                const std::vector<HostName>& names);

/// Rewrites `file` if the block differs from what it holds. Mode and owner of the file stay; the write is
/// atomic where the file can be replaced, else in place (a bind mount, as containers have).
Result<void> update_hosts_file(const std::filesystem::path& file, std::string_view owner,
                               const std::vector<HostName>& names);

}  // namespace causeway::daemon
