#include "daemon/hosts_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "protocol/name.hpp"
#include "store/file.hpp"

namespace causeway::daemon {
namespace {

constexpr std::size_t kMaxHostsBytes = 8 * 1024 * 1024;

std::string begin_line(std::string_view owner) { return fmt::format("# BEGIN causeway {}\n", owner); }
std::string end_line(std::string_view owner) { return fmt::format("# END causeway {}\n", owner); }

/// Where a whole line `wanted` begins at or after `from`; npos if there is none. The last line may lack its
/// LF.
std::size_t find_line(std::string_view text, std::string_view wanted, std::size_t from) {
  const std::string_view bare = wanted.substr(0, wanted.size() - 1);
  for (std::size_t at = text.find(bare, from); at != std::string_view::npos; at = text.find(bare, at + 1)) {
    const bool starts_line = at == 0 || text[at - 1] == '\n';
    const std::size_t end = at + bare.size();
    if (starts_line && (end == text.size() || text[end] == '\n')) return at;
  }
  return std::string_view::npos;
}

/// A hosts file knows names of letters, digits, dots, dashes; protocol names may also hold '_', which
/// resolvers take.
std::string format_block(std::string_view owner, const std::vector<HostName>& names) {
  std::set<std::pair<std::string, net::Family>> seen;  // a name has an address of each family
  std::string lines;
  for (const HostName& entry : names) {
    if (!protocol::is_valid_name(entry.name) ||
        !seen.emplace(protocol::fold_name(entry.name), entry.address.family()).second)
      continue;
    lines += fmt::format("{} {}.cw\n", entry.address.to_string(), entry.name);
  }
  return lines.empty() ? std::string() : begin_line(owner) + lines + end_line(owner);
}

Result<void> overwrite_in_place(const std::filesystem::path& file, std::string_view text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return store::file_error("write", file, errno);
  int error = 0;
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  if (written < 0) {
    error = errno;
  } else if (static_cast<std::size_t>(written) != text.size()) {
    error = ENOSPC;
  } else if (::ftruncate(fd, static_cast<off_t>(text.size())) != 0 || ::fsync(fd) != 0) {
    error = errno;
  }
  ::close(fd);
  if (error != 0) return store::file_error("write", file, error);
  return {};
}

}  // namespace

std::string replace_hosts_block(std::string_view text, std::string_view owner,
                                const std::vector<HostName>& names) {
  const std::string begin = begin_line(owner);
  const std::string end = end_line(owner);
  std::string kept(text);
  std::size_t where = std::string::npos;
  for (std::size_t start = find_line(kept, begin, 0); start != std::string::npos;
       start = find_line(kept, begin, start)) {
    const std::size_t last = find_line(kept, end, start);
    // Without its end line only the begin line is certainly ours.
    const std::size_t stop = last == std::string::npos ? start + begin.size() : last + end.size();
    kept.erase(start, std::min(stop, kept.size()) - start);
    if (where == std::string::npos) where = start;
  }
  const std::string block = format_block(owner, names);
  if (block.empty()) return kept;
  if (where == std::string::npos) {
    if (!kept.empty() && kept.back() != '\n') kept += '\n';
    where = kept.size();
  }
  return kept.insert(where, block);
}

Result<void> update_hosts_file(const std::filesystem::path& file, std::string_view owner,
                               const std::vector<HostName>& names) {
  const auto text = store::read_small_file(file, kMaxHostsBytes);
  if (!text) return text.error();
  const std::string before = text->value_or("");
  const std::string after = replace_hosts_block(before, owner, names);
  if (after == before) return {};
  // Distributions link /etc/hosts elsewhere: the link stays, its target is replaced.
  std::error_code ignored;
  const std::filesystem::path target = std::filesystem::weakly_canonical(file, ignored);
  const std::filesystem::path real = ignored || target.empty() ? file : target;
  struct stat status {};
  const unsigned mode = ::stat(real.c_str(), &status) == 0 ? status.st_mode & 07777 : 0644;
  if (store::write_file_atomically(real, as_bytes(after), mode)) return {};
  // rename() onto a bind-mounted file fails with EBUSY.
  return overwrite_in_place(real, after);
}

}  // namespace causeway::daemon
