#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/src/storage/sqlite_database.hpp"
#include "server/src/storage/store.hpp"

namespace causeway::server {

class SqliteRows;

/// One SQLite file in WAL mode with synchronous=FULL. A writer thread of its own takes all that waits into
/// one transaction (group commit), so that a slow disk never stops the server. `done` comes on that thread.
class SqliteStore final : public Store {
 public:
  /// Makes the file with its tables; fails if there is one.
  static Result<std::unique_ptr<SqliteStore>> create(const std::string& path);
  /// Opens what create() made, of this version or an older one, which is brought up to this one first.
  /// Refuses files of a newer schema version and files of other programs.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path);
  /// Writes what waits, then ends.
  ~SqliteStore() override;

  Result<Snapshot> load() override;
  void commit(std::vector<Change> changes, Done done) override;

 private:
  struct Waiting {
    std::vector<Change> changes;
    Done done;
  };
  explicit SqliteStore(std::unique_ptr<SqliteDatabase> database);
  void write_loop();
  void write(std::deque<Waiting> group);
  std::optional<Error> write_transaction(const Waiting* first, const Waiting* last);

  std::mutex database_mutex_;  // load() against the writer
  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<SqliteRows> rows_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace causeway::server
