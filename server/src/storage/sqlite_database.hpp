#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace causeway::server {

/// A prepared statement. Parameters are numbered from 1, columns from 0. Failures throw std::runtime_error
/// with SQLite's text.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* database, std::string_view sql);

  SqliteStatement& bind(int parameter, std::string_view text);
  SqliteStatement& bind(int parameter, ByteView blob);
  SqliteStatement& bind(int parameter, std::int64_t number);
  SqliteStatement& bind(int parameter, std::optional<std::int64_t> number);
  SqliteStatement& bind_null(int parameter);
  /// True: a row is there to read.
  bool step();
  /// Runs to the end and makes it ready for the next time.
  void execute();

  std::string text(int column) const;
  Bytes blob(int column) const;
  std::int64_t number(int column) const;
  std::optional<std::int64_t> optional_number(int column) const;
  bool is_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void check(int code) const;

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One connection, used by one thread at a time.
class SqliteDatabase {
 public:
  /// Throws std::runtime_error.
  SqliteDatabase(const std::string& path, bool create);
  sqlite3* get() const { return database_.get(); }
  void run(std::string_view sql);
  bool in_transaction() const;

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, CloseDatabase> database_;
};

}  // namespace causeway::server
