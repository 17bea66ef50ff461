#include "server/src/storage/sqlite_store.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "base/log.hpp"
#include "server/src/storage/sqlite_rows.hpp"

namespace causeway::server {
namespace {

constexpr std::size_t kMaxGroup = 256;  // commits in one transaction: bounds how long the first of them waits
constexpr std::int64_t kApplicationId = 0x43575356;  // "CWSV"

std::int64_t read_pragma(SqliteDatabase& database, const std::string& name) {
  SqliteStatement statement(database.get(), "PRAGMA " + name);
  return statement.step() ? statement.number(0) : 0;
}

void set_modes(SqliteDatabase& database) {
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
}

/// All or nothing: a crash or an error leaves the file as the older version wrote it.
void upgrade(SqliteDatabase& database, int from_version) {
  database.run("BEGIN IMMEDIATE");
  try {
    SqliteRows::migrate(database, from_version);
    database.run("PRAGMA user_version = " + std::to_string(SqliteRows::kSchemaVersion));
    database.run("COMMIT");
  } catch (const std::exception&) {
    if (database.in_transaction()) database.run("ROLLBACK");
    throw;
  }
  log::info("store", "the database was brought from schema version {} to {}", from_version,
            SqliteRows::kSchemaVersion);
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::create(const std::string& path) {
  if (exists(path)) return Error{path + ": exists already"};
  try {
    auto database = std::make_unique<SqliteDatabase>(path, true);
    set_modes(*database);
    database->run("BEGIN IMMEDIATE");
    SqliteRows::create_tables(*database);
    database->run("PRAGMA application_id = " + std::to_string(kApplicationId));
    database->run("PRAGMA user_version = " + std::to_string(SqliteRows::kSchemaVersion));
    database->run("COMMIT");
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(database)));
  } catch (const std::exception& problem) {
    return Error{path + ": " + problem.what()};
  }
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path) {
  if (!exists(path)) return Error{path + ": no such file; make it by `causeway-server init`"};
  try {
    auto database = std::make_unique<SqliteDatabase>(path, false);
    if (read_pragma(*database, "application_id") != kApplicationId) {
      return Error{path + ": not a database of causeway-server"};
    }
    const auto version = read_pragma(*database, "user_version");
    if (version < 1 || version > SqliteRows::kSchemaVersion) {
      return Error{path + ": has schema version " + std::to_string(version) +
                   ", this program knows versions up to " + std::to_string(SqliteRows::kSchemaVersion) +
                   ": use the causeway-server that wrote it"};
    }
    set_modes(*database);
    if (version < SqliteRows::kSchemaVersion) upgrade(*database, static_cast<int>(version));
    // Finds out at the start, not at the first registration, that nothing can be written here.
    database->run("BEGIN IMMEDIATE; ROLLBACK");
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(database)));
  } catch (const std::exception& problem) {
    return Error{path + ": " + problem.what()};
  }
}

SqliteStore::SqliteStore(std::unique_ptr<SqliteDatabase> database)
    : database_(std::move(database)),
      rows_(std::make_unique<SqliteRows>(*database_)),
      writer_([this] { write_loop(); }) {}

SqliteStore::~SqliteStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

Result<Snapshot> SqliteStore::load() {
  const std::lock_guard lock(database_mutex_);
  try {
    return rows_->read_all();
  } catch (const std::exception& problem) {
    return Error{problem.what()};
  }
}

void SqliteStore::commit(std::vector<Change> changes, Done done) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({std::move(changes), std::move(done)});
  }
  wake_.notify_one();
}

void SqliteStore::write_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::deque<Waiting> group;
    while (!queue_.empty() && group.size() < kMaxGroup) {
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    lock.unlock();
    write(std::move(group));
    lock.lock();
  }
}

void SqliteStore::write(std::deque<Waiting> group) {
  std::vector<Waiting> all(std::make_move_iterator(group.begin()), std::make_move_iterator(group.end()));
  const auto problem = write_transaction(all.data(), all.data() + all.size());
  for (const Waiting& one : all) {
    // One bad row must not fail its neighbours: after a failure each has a transaction of its own.
    const auto result = problem && all.size() > 1 ? write_transaction(&one, &one + 1) : problem;
    if (result) log::error("store", "commit failed: {}", result->message);
    one.done(result);
  }
}

std::optional<Error> SqliteStore::write_transaction(const Waiting* first, const Waiting* last) {
  const std::lock_guard lock(database_mutex_);
  try {
    database_->run("BEGIN IMMEDIATE");
    for (; first != last; ++first) {
      for (const Change& change : first->changes)
        rows_->write(change);
    }
    database_->run("COMMIT");
    return std::nullopt;
  } catch (const std::exception& problem) {
    const Error error{problem.what()};
    try {
      if (database_->in_transaction()) database_->run("ROLLBACK");
    } catch (const std::exception&) {
      // SQLite has rolled back by itself; the first problem is the one to tell.
    }
    return error;
  }
}

}  // namespace causeway::server
