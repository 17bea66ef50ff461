#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "protocol/rpc.hpp"
#include "server_process.hpp"

/// kill -9 at random moments under load. Every reply that a node got is kept in a model; after each kill the
/// database as it lies on the disk must hold all of it, and the restarted server must say the same.
/// CAUSEWAY_CRASH_CYCLES and CAUSEWAY_SEED change how long and which.
namespace causeway::server_test {
namespace {

using protocol::ErrorCode;

constexpr std::size_t kWorkers = 8;
constexpr std::size_t kNodesPerWorker = 20;
// Fewer addresses than nodes: freed ones go from hand to hand, which is where two could get one.
constexpr const char* kPool = "10.10.0.1-10.10.0.120";

/// What a node knows from replies.
struct Member {
  Member(RandomSource& random, std::string name, net::IpAddress from)
      : node(random, std::move(name)), source(from) {}
  ScriptedNode node;
  net::IpAddress source;
  bool enrolled = false;
  std::optional<std::string> address = {};  ///< acknowledged, and no deregister was sent since
  std::uint64_t serial = 0;                 ///< acknowledged
  bool left = false;  ///< the deregistration was acknowledged, and nothing was sent since
};

struct Table {
  std::mutex mutex;
  std::map<std::string, Member*> holders;
  std::vector<std::string> violations;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;

  void violation(std::string text) {
    const std::lock_guard lock(mutex);
    violations.push_back(std::move(text));
  }
};

class Worker {
 public:
  Worker(ServerProcess& server, Table& table, const std::string& secret, std::vector<Member*> members,
         std::uint64_t seed)
      : server_(server), table_(table), secret_(secret), members_(std::move(members)), random_(seed) {}

  void run(const std::atomic<bool>& stop) {
    while (!stop) {
      Member& member = *members_[random_.below(members_.size())];
      if (const auto client = server_.connect(member.source)) talk(member, *client);
    }
  }

 private:
  void talk(Member& member, LineClient& client) {
    member.left = false;
    const auto known =
        member.node.authenticate(client, member.enrolled ? std::nullopt : std::optional(secret_));
    if (!acknowledged(member, known, "authenticate", {ErrorCode::try_later})) return;
    member.enrolled = true;

    const auto registered = member.node.register_node(client);
    std::vector<ErrorCode> allowed = {ErrorCode::try_later};
    if (!member.address) allowed.push_back(ErrorCode::pool_exhausted);
    if (!acknowledged(member, registered, "register", allowed)) return;
    hold(member, (*registered)["result"]["virtual_address"]);

    if (random_.below(2) == 0) {
      const auto published = member.node.publish(client, *member.address, ++member.node.serial);
      if (!acknowledged(member, published, "update", {ErrorCode::try_later})) return;
      member.serial = member.node.serial;
    }
    if (random_.below(3) == 0) {
      {
        // From here on the address may be another's, whether or not we hear of it.
        const std::lock_guard lock(table_.mutex);
        table_.holders.erase(*member.address);
        member.address.reset();
      }
      member.left = acknowledged(member, client.call("deregister", Json::object()), "deregister",
                                 {ErrorCode::try_later});
    }
  }

  bool acknowledged(Member& member, const std::optional<Json>& reply, const char* what,
                    const std::vector<ErrorCode>& allowed) {
    const int code = code_of(reply);
    if (code > 0 &&
        std::find(allowed.begin(), allowed.end(), static_cast<ErrorCode>(code)) == allowed.end()) {
      table_.violation(member.node.name + ": " + what + " refused: " + (*reply)["error"].dump());
    }
    const std::lock_guard lock(table_.mutex);
    if (code == 0) ++table_.acknowledged;
    if (code > 0) ++table_.refused;
    return code == 0;
  }

  void hold(Member& member, const std::string& address) {
    const std::lock_guard lock(table_.mutex);
    if (member.address && *member.address != address) {
      table_.violations.push_back(member.node.name + " had " + *member.address + ", got " + address);
      table_.holders.erase(*member.address);
    }
    Member*& holder = table_.holders[address];
    if (holder && holder != &member) {
      table_.violations.push_back(address + " is given to " + holder->node.name + " and to " +
                                  member.node.name);
    }
    holder = &member;
    member.address = address;
  }

  ServerProcess& server_;
  Table& table_;
  std::string secret_;
  std::vector<Member*> members_;
  SeededRandom random_;
};

/// The first column of every row.
std::vector<std::string> query(sqlite3* database, const std::string& sql) {
  std::vector<std::string> rows;
  const auto add = [](void* into, int, char** values, char**) {
    static_cast<std::vector<std::string>*>(into)->emplace_back(values[0] ? values[0] : "");
    return 0;
  };
  char* problem = nullptr;
  if (sqlite3_exec(database, sql.c_str(), add, &rows, &problem) != SQLITE_OK) rows.emplace_back(problem);
  sqlite3_free(problem);
  return rows;
}

/// On a copy, so that the server recovers its files by itself. Returns how many facts were compared.
std::size_t check_disk(const ServerProcess& server, const std::vector<std::unique_ptr<Member>>& members) {
  const TemporaryFolder copy;
  for (const char* name : {"state.db", "state.db-wal"}) {
    if (std::filesystem::exists(server.directory() / name)) {
      std::filesystem::copy_file(server.directory() / name, copy.path() / name);
    }
  }
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open((copy.path() / "state.db").c_str(), &database), SQLITE_OK);
  EXPECT_EQ(query(database, "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
  EXPECT_EQ(query(database,
                  "SELECT address FROM nodes WHERE address IS NOT NULL GROUP BY network, address "
                  "HAVING count(*) > 1"),
            std::vector<std::string>{});
  std::size_t compared = 0;
  for (const auto& member : members) {
    const std::string where =
        " FROM nodes WHERE identity = x'" + to_hex(member->node.keys.public_key.bytes) + "'";
    const std::string& name = member->node.name;
    if (member->enrolled) {
      ++compared;
      EXPECT_EQ(query(database, "SELECT count(*)" + where), std::vector<std::string>{"1"})
          << name << ": enrolment lost";
    }
    if (member->address) {
      ++compared;
      EXPECT_EQ(query(database, "SELECT address || ' ' || standing || ' ' || (freed_since IS NULL)" + where),
                std::vector<std::string>{*member->address + " 0 1"})
          << name << ": registration lost";
    }
    if (member->serial > 0) {
      ++compared;
      EXPECT_EQ(query(database, "SELECT serial >= " + std::to_string(member->serial) + where),
                std::vector<std::string>{"1"})
          << name << ": record lost";
    }
    if (member->left) {
      ++compared;
      EXPECT_EQ(
          query(database, "SELECT standing = 1 AND (address IS NULL OR freed_since IS NOT NULL)" + where),
          std::vector<std::string>{"1"})
          << name << ": deregistration lost";
    }
  }
  sqlite3_close(database);
  return compared;
}

/// The restarted server lists every acknowledged address, and none twice.
void check_server(const ServerProcess& server, const std::vector<std::unique_ptr<Member>>& members) {
  std::map<std::string, std::string> by_name;
  std::map<std::string, std::string> by_address;
  for (const Json& node : server.ask({"nodes"})) {
    if (node["virtual_address"].is_null()) continue;
    by_name[node["name"]] = node["virtual_address"];
    EXPECT_TRUE(by_address.emplace(node["virtual_address"], node["name"]).second)
        << node << ": address twice";
  }
  for (const auto& member : members) {
    if (!member->address) continue;
    EXPECT_EQ(by_name[member->node.name], *member->address) << member->node.name;
  }
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Crash, loses_no_acknowledged_registration_and_gives_no_address_twice) {
  const std::uint64_t cycles = number_from("CAUSEWAY_CRASH_CYCLES", 20);
  const std::uint64_t seed = number_from("CAUSEWAY_SEED", 1);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  SeededRandom random(seed);
  const TemporaryFolder folder;
  ServerProcess server(folder.path(), {.pool = kPool});
  server.start();
  const std::string secret = server.token();

  std::vector<std::unique_ptr<Member>> members;
  for (std::size_t index = 0; index < kWorkers * kNodesPerWorker; ++index) {
    members.push_back(
        std::make_unique<Member>(random, "node" + std::to_string(index), server.fresh_source()));
  }
  Table table;
  std::size_t compared = 0;
  std::vector<Duration> restarts;
  for (std::uint64_t cycle = 0; cycle < cycles && !testing::Test::HasFailure(); ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    std::atomic<bool> stop = false;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
    for (std::size_t index = 0; index < kWorkers; ++index) {
      std::vector<Member*> own;
      for (std::size_t at = index; at < members.size(); at += kWorkers)
        own.push_back(members[at].get());
      workers.push_back(std::make_unique<Worker>(server, table, secret, std::move(own), random.next_u64()));
      threads.emplace_back([&stop, worker = workers.back().get()] { worker->run(stop); });
    }
    ::poll(nullptr, 0, static_cast<int>(20 + random.below(230)));  // the random moment
    server.kill();
    stop = true;
    for (auto& thread : threads)
      thread.join();
    compared += check_disk(server, members);
    restarts.push_back(server.start());
    check_server(server, members);
    EXPECT_THAT(table.violations, testing::IsEmpty());
  }
  std::sort(restarts.begin(), restarts.end());
  const auto ms = [](Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  };
  std::printf(
      "%zu kills, %llu replies acknowledged, %llu refused, %zu facts compared on disk, restart %.1f ms "
      "median, "
      "%.1f ms worst\n",
      restarts.size(), static_cast<unsigned long long>(table.acknowledged),
      static_cast<unsigned long long>(table.refused), compared, ms(restarts[restarts.size() / 2]),
      ms(restarts.back()));
  EXPECT_GT(table.acknowledged, cycles * 10);
}

}  // namespace
}  // namespace causeway::server_test
