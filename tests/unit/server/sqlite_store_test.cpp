#include "server/src/storage/sqlite_store.hpp"
#include "protocol/virtual_address6.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <string>

#include "server/src/storage/file_lock.hpp"
#include "server/src/storage/sqlite_database.hpp"
#include "server/src/storage/state_directory.hpp"

namespace causeway::server {
namespace {

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "cw-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const char* name) const { return directory_ + "/" + name; }
  static std::optional<Error> commit(Store& store, std::vector<Change> changes) {
    std::promise<std::optional<Error>> done;
    store.commit(std::move(changes),
                 [&done](std::optional<Error> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  static NodeRow node(std::uint8_t seed, const char* address) {
    NodeRow row;
    row.network = "home";
    row.identity.bytes[0] = seed;
    row.name = std::string("n").append(std::to_string(seed));
    row.user = "Ann";
    if (*address) row.address = net::IpAddress::parse(address);
    row.epoch = (std::uint64_t{1} << 53) - 1;
    return row;
  }

  std::string directory_;
};

TEST_F(SqliteStoreTest, every_row_comes_back_as_it_was) {
  NodeRow full = node(1, "10.10.0.1");
  full.standing = Standing::left;
  full.freed_since = WallTime(std::chrono::nanoseconds(1'800'000'000'123'456'789));
  full.offline_since = WallTime(std::chrono::nanoseconds(17));
  full.record = protocol::SignedRecord{"{\"a\":\"\xc3\xa9\"}", {1, 2, 3}};
  full.serial = 77;
  TokenRow token{"ab12", "home", "Ann", {9, 8, 7}};
  token.uses = 3;
  token.created = WallTime(1s);
  token.expires = WallTime(2s);
  token.revoked = true;
  const NodeRow bare = node(2, "");
  {
    auto store = SqliteStore::create(path("state.db")).value();
    EXPECT_FALSE(
        commit(*store, {NetworkRow{"home", "10.10.0.0/24"}, UserRow{"home", "Ann"}, full, bare, token,
                        TokenSpend{"ab12", full.identity}, TokenSpend{"ab12", full.identity}}));
  }
  const auto loaded = SqliteStore::open(path("state.db")).value()->load().value();
  EXPECT_EQ(loaded.networks, (std::vector{NetworkRow{"home", "10.10.0.0/24"}}));
  EXPECT_EQ(loaded.users, (std::vector{UserRow{"home", "Ann"}}));
  ASSERT_EQ(loaded.nodes.size(), 2U);
  EXPECT_NE(std::find(loaded.nodes.begin(), loaded.nodes.end(), full), loaded.nodes.end());
  EXPECT_NE(std::find(loaded.nodes.begin(), loaded.nodes.end(), bare), loaded.nodes.end());
  token.spent_by = {full.identity};
  EXPECT_EQ(loaded.tokens, std::vector{token});
}

TEST_F(SqliteStoreTest, friends_come_back_until_they_are_taken_off) {
  const FriendRow bob{"home", "Ann", "Bob"};
  const FriendRow eve{"home", "Ann", "Eve"};
  const NetworkRow home{"home", "10.10.0.0/24", true, net::Prefix::parse("fd00:1:2::/64")};
  {
    auto store = SqliteStore::create(path("state.db")).value();
    ASSERT_FALSE(commit(*store, {home, bob, bob, eve, FriendRow{"home", "Ann", "Eve", false},
                                 FriendRow{"home", "Ann", "Nobody", false}}));
  }
  const auto loaded = SqliteStore::open(path("state.db")).value()->load().value();
  EXPECT_EQ(loaded.friends, std::vector{bob});
  EXPECT_EQ(loaded.networks, std::vector{home});
}

/// The tables as the first version made them.
constexpr const char* kVersion1 = R"(
CREATE TABLE networks (name TEXT PRIMARY KEY, pool TEXT NOT NULL) WITHOUT ROWID;
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
INSERT INTO networks VALUES ('home', '10.10.0.0/24');
INSERT INTO users VALUES ('home', 'Ann');
INSERT INTO nodes VALUES ('home', zeroblob(32), 'n1', 'Ann', 0, '10.10.0.1', NULL, NULL, 7, NULL, NULL, 3);
PRAGMA application_id = 1129796438;
PRAGMA user_version = 1;
)";

TEST_F(SqliteStoreTest, a_database_of_version_1_is_brought_up_and_keeps_everything) {
  { SqliteDatabase(path("state.db"), true).run(kVersion1); }
  NetworkRow home{"home", "10.10.0.0/24"};
  const FriendRow bob{"home", "Ann", "Bob"};
  {
    auto store = SqliteStore::open(path("state.db"));
    ASSERT_TRUE(store) << store.error().message;
    const auto loaded = (*store)->load().value();
    ASSERT_EQ(loaded.networks.size(), 1U);
    home.prefix6 = loaded.networks[0].prefix6;
    ASSERT_TRUE(home.prefix6) << "it got one";
    EXPECT_TRUE(protocol::is_network_prefix6(*home.prefix6));
    EXPECT_EQ(loaded.networks, std::vector{home});
    EXPECT_EQ(loaded.users, (std::vector{UserRow{"home", "Ann"}}));
    ASSERT_EQ(loaded.nodes.size(), 1U);
    EXPECT_EQ(loaded.nodes[0].address, net::IpAddress::parse("10.10.0.1"));
    EXPECT_TRUE(loaded.friends.empty());
    EXPECT_FALSE(commit(**store, {bob, NetworkRow{"club", "10.20.0.0/24", true}}));
  }
  const auto loaded = SqliteStore::open(path("state.db")).value()->load().value();
  EXPECT_EQ(loaded.friends, std::vector{bob}) << "and opens as one of this version";
  ASSERT_EQ(loaded.networks.size(), 2U);
  EXPECT_EQ(loaded.networks[1], home) << "for good";
}

TEST_F(SqliteStoreTest, a_migration_that_fails_changes_nothing) {
  {
    SqliteDatabase old(path("state.db"), true);
    old.run(kVersion1);
    old.run("CREATE TABLE friends (odd)");  // another hand's: the migration meets it half-way
  }
  EXPECT_FALSE(SqliteStore::open(path("state.db")));
  {
    SqliteDatabase kept(path("state.db"), false);
    kept.run("DROP TABLE friends");
  }
  EXPECT_TRUE(SqliteStore::open(path("state.db"))) << "it is still a whole version 1";
}

TEST_F(SqliteStoreTest, what_was_acknowledged_survives_a_crash) {
  auto store = SqliteStore::create(path("state.db")).value();
  for (std::uint8_t i = 1; i <= 50; ++i) {
    ASSERT_FALSE(commit(*store, {node(i, (std::string("10.10.0.").append(std::to_string(i))).c_str())}));
  }
  // The files as a crash at this moment would leave them: nothing is checkpointed or closed.
  std::filesystem::create_directory(path("crashed"));
  for (const char* name : {"state.db", "state.db-wal"}) {
    std::filesystem::copy_file(path(name), path("crashed") + "/" + name);
  }
  const auto loaded = SqliteStore::open(path("crashed") + "/state.db").value()->load().value();
  EXPECT_EQ(loaded.nodes.size(), 50U);
}

TEST_F(SqliteStoreTest, a_torn_log_loses_nothing_but_its_end) {
  {
    auto store = SqliteStore::create(path("state.db")).value();
    ASSERT_FALSE(commit(*store, {node(1, "10.10.0.1")}));
    std::filesystem::create_directory(path("crashed"));
    ASSERT_FALSE(commit(*store, {node(2, "10.10.0.2")}));
    for (const char* name : {"state.db", "state.db-wal"}) {
      std::filesystem::copy_file(path(name), path("crashed") + "/" + name);
    }
  }
  const std::string log = path("crashed") + "/state.db-wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 100);
  const auto loaded = SqliteStore::open(path("crashed") + "/state.db").value()->load().value();
  ASSERT_EQ(loaded.nodes.size(), 1U);
  EXPECT_EQ(loaded.nodes[0], node(1, "10.10.0.1"));
}

TEST_F(SqliteStoreTest, two_owners_of_an_address_are_refused_and_neighbours_are_kept) {
  auto store = SqliteStore::create(path("state.db")).value();
  ASSERT_FALSE(commit(*store, {node(1, "10.10.0.1")}));
  std::vector<std::promise<bool>> done(3);
  const auto submit = [&](std::size_t i, NodeRow row) {
    store->commit({row}, [&done, i](const std::optional<Error>& error) { done[i].set_value(!error); });
  };
  submit(0, node(2, "10.10.0.2"));
  submit(1, node(3, "10.10.0.1"));
  submit(2, node(4, "10.10.0.4"));
  EXPECT_TRUE(done[0].get_future().get());
  EXPECT_FALSE(done[1].get_future().get());
  EXPECT_TRUE(done[2].get_future().get());
  EXPECT_EQ(store->load().value().nodes.size(), 3U);
  // An address changes hands inside one commit.
  EXPECT_FALSE(commit(*store, {node(1, ""), node(3, "10.10.0.1")}));
}

TEST_F(SqliteStoreTest, a_commit_is_all_or_nothing) {
  auto store = SqliteStore::create(path("state.db")).value();
  ASSERT_FALSE(commit(*store, {node(1, "10.10.0.1")}));
  EXPECT_TRUE(commit(*store, {node(2, "10.10.0.2"), node(3, "10.10.0.1")}));
  EXPECT_EQ(store->load().value().nodes.size(), 1U);
}

TEST_F(SqliteStoreTest, many_commits_are_answered_in_order_even_when_it_ends) {
  std::vector<int> order;
  {
    auto store = SqliteStore::create(path("state.db")).value();
    for (int i = 0; i < 1000; ++i) {
      store->commit({UserRow{"home", std::string("u").append(std::to_string(i))}},
                    [&order, i](const auto&) { order.push_back(i); });
    }
  }
  EXPECT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(SqliteStore::open(path("state.db")).value()->load().value().users.size(), 1000U);
}

TEST_F(SqliteStoreTest, other_schema_versions_and_other_files_are_refused) {
  SqliteStore::create(path("state.db")).value().reset();
  { SqliteDatabase(path("state.db"), false).run("PRAGMA user_version = 99"); }
  EXPECT_NE(SqliteStore::open(path("state.db")).error().message.find("schema version 99"), std::string::npos);
  { SqliteDatabase(path("other.db"), true).run("CREATE TABLE t (a)"); }
  EXPECT_NE(SqliteStore::open(path("other.db")).error().message.find("not a database of"), std::string::npos);
  ASSERT_EQ(::truncate(path("other.db").c_str(), 100), 0);
  EXPECT_FALSE(SqliteStore::open(path("other.db")));
  EXPECT_NE(SqliteStore::open(path("none.db")).error().message.find("no such file"), std::string::npos);
  EXPECT_FALSE(SqliteStore::create(path("state.db"))) << "never over an existing one";
}

TEST_F(SqliteStoreTest, a_file_that_cannot_be_written_is_told_at_the_start) {
  SqliteStore::create(path("state.db")).value().reset();
  // A directory in the place of the log: nothing can be written, whoever asks (root ignores modes).
  std::filesystem::remove(path("state.db-wal"));
  std::filesystem::create_directory(path("state.db-wal"));
  EXPECT_FALSE(SqliteStore::open(path("state.db")));
}

TEST_F(SqliteStoreTest, a_directory_is_locked_once) {
  auto first = FileLock::acquire(path("lock"));
  ASSERT_TRUE(first);
  EXPECT_NE(FileLock::acquire(path("lock")).error().message.find("in use"), std::string::npos);
  { const FileLock taken = std::move(*first); }
  EXPECT_TRUE(FileLock::acquire(path("lock")));
}

// ---- the state directory ----

ServerSettings some_settings() {
  ServerSettings settings;
  settings.listen = "198.51.100.1:7443";
  settings.public_address = {"server.example", 7443};
  settings.stun_listen = {*net::Endpoint::parse("0.0.0.0:3478")};
  settings.stun_public = {*net::Endpoint::parse("198.51.100.1:3478")};
  settings.turn_uris = {"turn:198.51.100.2:3478"};
  settings.turn_secret = "north";
  return settings;
}

TEST_F(SqliteStoreTest, init_makes_a_directory_that_only_its_owner_reads) {
  const StateDirectory state(path("state"));
  ASSERT_FALSE(state.initialise(some_settings(), {"home", "10.10.0.0/24"}));
  const auto settings = state.load_settings();
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->public_address, (protocol::HostPort{"server.example", 7443}));
  EXPECT_EQ(settings->stun_public, some_settings().stun_public);
  EXPECT_EQ(settings->turn_secret, "north");
  ASSERT_EQ(settings->pins.size(), 2U);
  EXPECT_NE(settings->pins[0], settings->pins[1]);
  for (const auto& entry : std::filesystem::directory_iterator(path("state"))) {
    struct stat found {};
    ::stat(entry.path().c_str(), &found);
    EXPECT_EQ(found.st_mode & 0777, 0600U) << entry.path();
  }
  EXPECT_EQ(state.open_store().value()->load().value().networks.size(), 1U);
}

TEST_F(SqliteStoreTest, init_refuses_a_directory_that_has_something_in_it) {
  const StateDirectory state(path("state"));
  ASSERT_FALSE(state.initialise(some_settings(), {"home", "10.10.0.0/24"}));
  EXPECT_NE(state.initialise(some_settings(), {"home", "10.10.0.0/24"})->message.find("not empty"),
            std::string::npos);
  EXPECT_FALSE(
      StateDirectory(path("none") + "/deeper").initialise(some_settings(), {"home", "10.10.0.0/24"}) ==
      std::nullopt);
  EXPECT_NE(StateDirectory(path("none")).load_settings().error().message.find("init"), std::string::npos);
}

}  // namespace
}  // namespace causeway::server
