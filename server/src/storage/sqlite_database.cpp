#include "server/src/storage/sqlite_database.hpp"

#include <sqlite3.h>

#include <stdexcept>

namespace causeway::server {
namespace {

constexpr int kBusyMilliseconds = 5000;

}  // namespace

// ---- statement ----

SqliteStatement::SqliteStatement(sqlite3* database, std::string_view sql) : database_(database) {
  sqlite3_stmt* made = nullptr;
  check(sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &made, nullptr));
  statement_.reset(made);
}

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void SqliteStatement::check(int code) const {
  if (code != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database_));
}

// Texts and blobs are borrowed until the statement has run: SQLITE_STATIC, a null pointer in this C API.
SqliteStatement& SqliteStatement::bind(int parameter, std::string_view text) {
  check(sqlite3_bind_text(statement_.get(), parameter, text.empty() ? "" : text.data(),
                          static_cast<int>(text.size()), nullptr));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, ByteView blob) {
  check(sqlite3_bind_blob(statement_.get(), parameter, blob.data(), static_cast<int>(blob.size()), nullptr));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t number) {
  check(sqlite3_bind_int64(statement_.get(), parameter, number));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::optional<std::int64_t> number) {
  return number ? bind(parameter, *number) : bind_null(parameter);
}

SqliteStatement& SqliteStatement::bind_null(int parameter) {
  check(sqlite3_bind_null(statement_.get(), parameter));
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const std::string problem = sqlite3_errmsg(database_);
  sqlite3_reset(statement_.get());
  throw std::runtime_error(problem);
}

void SqliteStatement::execute() {
  while (step()) {
  }
  check(sqlite3_reset(statement_.get()));
}

std::string SqliteStatement::text(int column) const { return std::string(as_text(blob(column))); }

Bytes SqliteStatement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data ? Bytes(data, data + size) : Bytes();
}

std::int64_t SqliteStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<std::int64_t> SqliteStatement::optional_number(int column) const {
  return is_null(column) ? std::nullopt : std::optional(number(column));
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

// ---- database ----

SqliteDatabase::SqliteDatabase(const std::string& path, bool create) {
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  database_.reset(opened);
  if (code != SQLITE_OK) throw std::runtime_error(opened ? sqlite3_errmsg(opened) : "out of memory");
  sqlite3_busy_timeout(opened, kBusyMilliseconds);
}

void SqliteDatabase::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

void SqliteDatabase::run(std::string_view sql) {
  if (sqlite3_exec(get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(get()));
  }
}

bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(get()) == 0; }

}  // namespace causeway::server
