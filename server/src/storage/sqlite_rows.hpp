#pragma once

#include "server/src/core/model.hpp"
#include "server/src/storage/sqlite_database.hpp"

namespace causeway::server {

/// The tables, and how rows go in and out of them. Times are nanoseconds since 1970, addresses text, keys
/// blobs.
class SqliteRows {
 public:
  static constexpr int kSchemaVersion = 3;

  static void create_tables(SqliteDatabase& database);
  /// From an older version that is known to this one; to be run inside a transaction.
  static void migrate(SqliteDatabase& database, int from_version);

  explicit SqliteRows(SqliteDatabase& database);
  void write(const Change& change);
  Snapshot read_all();

 private:
  void write_row(const NetworkRow& row);
  void write_row(const UserRow& row);
  void write_row(const FriendRow& row);
  void write_row(const NodeRow& row);
  void write_row(const TokenRow& row);
  void write_row(const TokenSpend& row);

  SqliteDatabase& database_;
  SqliteStatement put_network_;
  SqliteStatement put_user_;
  SqliteStatement put_friend_;
  SqliteStatement drop_friend_;
  SqliteStatement put_node_;
  SqliteStatement put_token_;
  SqliteStatement put_spend_;
};

}  // namespace causeway::server
