#include "server/src/storage/sqlite_rows.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "protocol/virtual_address6.hpp"
#include "server/src/core/network_prefix6.hpp"

namespace causeway::server {
namespace {

constexpr std::string_view kTables = R"(
CREATE TABLE networks (
  name TEXT PRIMARY KEY, pool TEXT NOT NULL, friends_only INTEGER NOT NULL DEFAULT 0, prefix6 TEXT) WITHOUT ROWID;
CREATE TABLE users (network TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (network, name)) WITHOUT ROWID;
CREATE TABLE nodes (
  network TEXT NOT NULL, identity BLOB NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL, standing INTEGER NOT NULL,
  address TEXT, freed_since INTEGER, offline_since INTEGER, epoch INTEGER NOT NULL,
  record_body TEXT, record_signature BLOB, serial INTEGER NOT NULL,
  PRIMARY KEY (network, identity)) WITHOUT ROWID;
CREATE UNIQUE INDEX nodes_by_address ON nodes (network, address) WHERE address IS NOT NULL;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, network TEXT NOT NULL, user TEXT NOT NULL, secret_hash BLOB NOT NULL, uses INTEGER NOT NULL,
  created INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE token_spends (token TEXT NOT NULL, identity BLOB NOT NULL, PRIMARY KEY (token, identity)) WITHOUT ROWID;
)";

constexpr std::string_view kFriendsTable = R"(
CREATE TABLE friends (
  network TEXT NOT NULL, user TEXT NOT NULL, friend TEXT NOT NULL, PRIMARY KEY (network, user, friend)) WITHOUT ROWID;
)";

/// What a version added to the one before it. 1: the first; 2: friends; 3: IPv6 virtual addresses.
constexpr std::string_view kTo2 = "ALTER TABLE networks ADD COLUMN friends_only INTEGER NOT NULL DEFAULT 0";
constexpr std::string_view kTo3 = "ALTER TABLE networks ADD COLUMN prefix6 TEXT";

std::int64_t to_number(WallTime time) { return time.time_since_epoch().count(); }
std::optional<std::int64_t> to_number(const std::optional<WallTime>& time) {
  return time ? std::optional(to_number(*time)) : std::nullopt;
}
WallTime to_time(std::int64_t number) { return WallTime(Duration(number)); }
std::optional<WallTime> to_time(std::optional<std::int64_t> number) {
  return number ? std::optional(to_time(*number)) : std::nullopt;
}

/// The file was changed by another hand: better no start than a wrong one.
template <class T>
T checked(std::optional<T> value, const char* what) {
  if (!value) throw std::runtime_error(std::string("the database holds a malformed ") + what);
  return std::move(*value);
}

template <std::size_t N>
std::array<std::uint8_t, N> to_array(const Bytes& bytes, const char* what) {
  std::array<std::uint8_t, N> made{};
  if (bytes.size() != N) throw std::runtime_error(std::string("the database holds a malformed ") + what);
  std::copy(bytes.begin(), bytes.end(), made.begin());
  return made;
}

NetworkRow read_network(const SqliteStatement& row) {
  NetworkRow network{row.text(0), row.text(1), row.number(2) != 0};
  if (row.is_null(3)) return network;
  network.prefix6 = checked(net::Prefix::parse(row.text(3)), "prefix6");
  if (!protocol::is_network_prefix6(*network.prefix6))
    throw std::runtime_error("the database holds a malformed prefix6");
  return network;
}

NodeRow read_node(const SqliteStatement& row) {
  NodeRow node;
  node.network = row.text(0);
  node.identity = checked(crypto::IdentityPublicKey::from_bytes(row.blob(1)), "identity");
  node.name = row.text(2);
  node.user = row.text(3);
  const auto standing = row.number(4);
  if (standing < 0 || standing > 3) throw std::runtime_error("the database holds a malformed standing");
  node.standing = static_cast<Standing>(standing);
  if (!row.is_null(5)) node.address = checked(net::IpAddress::parse(row.text(5)), "address");
  node.freed_since = to_time(row.optional_number(6));
  node.offline_since = to_time(row.optional_number(7));
  node.epoch = static_cast<std::uint64_t>(row.number(8));
  if (!row.is_null(9)) {
    node.record =
        protocol::SignedRecord{row.text(9), to_array<crypto::kEd25519SignatureBytes>(row.blob(10), "record")};
  }
  node.serial = static_cast<std::uint64_t>(row.number(11));
  return node;
}

/// Each network gets one for good.
void give_prefixes(SqliteDatabase& database) {
  std::vector<std::string> names;
  SqliteStatement networks(database.get(), "SELECT name FROM networks");
  while (networks.step())
    names.push_back(networks.text(0));
  SystemRandom random;
  SqliteStatement put(database.get(), "UPDATE networks SET prefix6 = ?2 WHERE name = ?1");
  for (const std::string& name : names)
    put.bind(1, name).bind(2, make_network_prefix6(random).to_string()).execute();
}

}  // namespace

void SqliteRows::create_tables(SqliteDatabase& database) {
  database.run(kTables);
  database.run(kFriendsTable);
}

void SqliteRows::migrate(SqliteDatabase& database, int from_version) {
  if (from_version < 2) {
    database.run(kTo2);
    database.run(kFriendsTable);
  }
  if (from_version < 3) {
    database.run(kTo3);
    give_prefixes(database);
  }
}

SqliteRows::SqliteRows(SqliteDatabase& database)
    : database_(database),
      put_network_(
          database.get(),
          "INSERT OR REPLACE INTO networks (name, pool, friends_only, prefix6) VALUES (?1, ?2, ?3, ?4)"),
      put_user_(database.get(), "INSERT OR REPLACE INTO users VALUES (?1, ?2)"),
      put_friend_(database.get(), "INSERT OR REPLACE INTO friends VALUES (?1, ?2, ?3)"),
      drop_friend_(database.get(), "DELETE FROM friends WHERE network = ?1 AND user = ?2 AND friend = ?3"),
      // Not OR REPLACE: a conflict in the address must fail, not delete the other node.
      put_node_(
          database.get(),
          "INSERT INTO nodes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
          "ON CONFLICT (network, identity) DO UPDATE SET name = ?3, user = ?4, standing = ?5, address = ?6, "
          "freed_since = ?7, offline_since = ?8, epoch = ?9, record_body = ?10, record_signature = ?11, "
          "serial = ?12"),
      put_token_(database.get(), "INSERT OR REPLACE INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
      put_spend_(database.get(), "INSERT OR IGNORE INTO token_spends VALUES (?1, ?2)") {}

void SqliteRows::write(const Change& change) {
  std::visit([this](const auto& row) { write_row(row); }, change);
}

void SqliteRows::write_row(const NetworkRow& row) {
  const std::string prefix6 = row.prefix6 ? row.prefix6->to_string() : "";
  put_network_.bind(1, row.name).bind(2, row.pool).bind(3, std::int64_t{row.friends_only});
  if (row.prefix6) {
    put_network_.bind(4, prefix6);
  } else {
    put_network_.bind_null(4);
  }
  put_network_.execute();
}

void SqliteRows::write_row(const UserRow& row) { put_user_.bind(1, row.network).bind(2, row.name).execute(); }

void SqliteRows::write_row(const FriendRow& row) {
  SqliteStatement& statement = row.listed ? put_friend_ : drop_friend_;
  statement.bind(1, row.network).bind(2, row.user).bind(3, row.friend_user).execute();
}

void SqliteRows::write_row(const NodeRow& row) {
  const std::string address = row.address ? row.address->to_string() : "";
  put_node_.bind(1, row.network)
      .bind(2, ByteView(row.identity.bytes))
      .bind(3, row.name)
      .bind(4, row.user)
      .bind(5, static_cast<std::int64_t>(row.standing));
  if (row.address) {
    put_node_.bind(6, address);
  } else {
    put_node_.bind_null(6);
  }
  put_node_.bind(7, to_number(row.freed_since)).bind(8, to_number(row.offline_since));
  put_node_.bind(9, static_cast<std::int64_t>(row.epoch));
  if (row.record) {
    put_node_.bind(10, row.record->body).bind(11, ByteView(row.record->signature));
  } else {
    put_node_.bind_null(10).bind_null(11);
  }
  put_node_.bind(12, static_cast<std::int64_t>(row.serial)).execute();
}

void SqliteRows::write_row(const TokenRow& row) {
  put_token_.bind(1, row.id)
      .bind(2, row.network)
      .bind(3, row.user)
      .bind(4, ByteView(row.secret_hash))
      .bind(5, std::int64_t{row.uses})
      .bind(6, to_number(row.created))
      .bind(7, to_number(row.expires))
      .bind(8, std::int64_t{row.revoked})
      .execute();
}

void SqliteRows::write_row(const TokenSpend& row) {
  put_spend_.bind(1, row.token).bind(2, ByteView(row.identity.bytes)).execute();
}

Snapshot SqliteRows::read_all() {
  Snapshot snapshot;
  SqliteStatement networks(database_.get(), "SELECT name, pool, friends_only, prefix6 FROM networks");
  while (networks.step())
    snapshot.networks.push_back(read_network(networks));
  SqliteStatement users(database_.get(), "SELECT network, name FROM users");
  while (users.step())
    snapshot.users.push_back({users.text(0), users.text(1)});
  SqliteStatement friends(database_.get(), "SELECT network, user, friend FROM friends");
  while (friends.step())
    snapshot.friends.push_back({friends.text(0), friends.text(1), friends.text(2)});
  SqliteStatement nodes(
      database_.get(),
      "SELECT network, identity, name, user, standing, address, freed_since, offline_since, epoch, "
      "record_body, record_signature, serial FROM nodes");
  while (nodes.step())
    snapshot.nodes.push_back(read_node(nodes));

  std::unordered_map<std::string, TokenRow> tokens;
  SqliteStatement rows(database_.get(),
                       "SELECT id, network, user, secret_hash, uses, created, expires, revoked FROM tokens");
  while (rows.step()) {
    TokenRow token{rows.text(0), rows.text(1), rows.text(2), to_array<32>(rows.blob(3), "token")};
    token.uses = static_cast<std::uint32_t>(rows.number(4));
    token.created = to_time(rows.number(5));
    token.expires = to_time(rows.number(6));
    token.revoked = rows.number(7) != 0;
    tokens.emplace(token.id, std::move(token));
  }
  SqliteStatement spends(database_.get(), "SELECT token, identity FROM token_spends");
  while (spends.step()) {
    const auto found = tokens.find(spends.text(0));
    if (found == tokens.end()) continue;
    found->second.spent_by.insert(checked(crypto::IdentityPublicKey::from_bytes(spends.blob(1)), "identity"));
  }
  for (auto& [id, token] : tokens)
    snapshot.tokens.push_back(std::move(token));
  return snapshot;
}

}  // namespace causeway::server
