#pragma once

#include <memory>
#include <string>

#include "server/src/core/model.hpp"
#include "server/src/storage/file_lock.hpp"
#include "server/src/storage/sqlite_store.hpp"

namespace causeway::server {

/// The files of one server, all 0600 in a directory of 0700:
///   server.json (settings), state.db, server.key and server.crt, next.key (pinned by tokens for a later
///   change of key), lock, and while it runs control.sock.
class StateDirectory {
 public:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}

  std::string control_socket() const { return path_ + "/control.sock"; }
  std::string private_key() const { return path_ + "/server.key"; }
  std::string certificate() const { return path_ + "/server.crt"; }
  const std::string& path() const { return path_; }

  /// Makes the directory (it may exist, but must be empty) and all files; settings.pins are filled in. Leaves
  /// nothing behind on failure but the directory.
  std::optional<Error> initialise(ServerSettings settings, const NetworkRow& network) const;
  Result<ServerSettings> load_settings() const;
  Result<FileLock> lock() const;
  Result<std::unique_ptr<SqliteStore>> open_store() const;

 private:
  std::string path_;
};

}  // namespace causeway::server
