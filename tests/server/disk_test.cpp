#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

#include "protocol/rpc.hpp"
#include "server_process.hpp"

/// A disk that fails while the server runs: it answers from memory, refuses what it could not keep, and works
/// again by itself.
namespace causeway::server_test {
namespace {

using protocol::ErrorCode;
using testing::HasSubstr;

constexpr int kTryLater = static_cast<int>(ErrorCode::try_later);

bool comes_true_within(Duration patience, const std::function<bool()>& condition) {
  const SteadyTime until = read_clocks().steady + patience;
  while (!condition()) {
    if (read_clocks().steady > until) return false;
    ::poll(nullptr, 0, 50);
  }
  return true;
}

class Disk : public testing::Test {
 protected:
  /// Code of the reply to the first message that failed; 0 when the node joined.
  int join(ServerProcess& server, ScriptedNode& node) {
    const auto client = server.connect();
    if (!client) return -1;
    if (const int code = code_of(node.authenticate(*client, secret))) return code;
    return code_of(node.register_node(*client));
  }
  /// Everything that must go on while nothing can be written, and what must be refused.
  void expect_reading_only(ServerProcess& server, HonestNode& honest) {
    EXPECT_TRUE(honest.ask());
    EXPECT_EQ(join(server, known), 0) << "a known node does not come back";
    EXPECT_EQ(join(server, newcomer), kTryLater);
    const auto token = server.command({"token", "--network", "home"});
    EXPECT_EQ(token.exit_code, 1);
    EXPECT_THAT(token.err, HasSubstr("error: the server cannot store this at the moment"));
    EXPECT_EQ(server.ask({"stats"})["store"], "failing");
    EXPECT_THAT(server.log(), HasSubstr("the store fails"));
  }
  void expect_recovery(ServerProcess& server) {
    EXPECT_TRUE(comes_true_within(5s, [&] { return join(server, newcomer) == 0; })) << server.log();
    EXPECT_TRUE(comes_true_within(5s, [&] { return server.ask({"stats"})["store"] == "ok"; }));
    const Json address = server.node("newcomer")["virtual_address"];
    server.kill();
    server.start();
    EXPECT_EQ(server.node("newcomer")["virtual_address"], address);
    EXPECT_FALSE(server.node("known").is_null());
  }

  TemporaryFolder folder;
  SystemRandom random;
  ScriptedNode known{random, "known"};
  ScriptedNode newcomer{random, "newcomer"};
  std::string secret;
};

/// A tmpfs on `folder`, in a mount namespace of this test's own.
class MountedDisk : public Disk {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0U) << "needs root: it mounts a file system of its own";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "mount namespaces are not available here";
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("disk", folder.path().c_str(), "tmpfs", 0, "size=2m"), 0);
  }
  void TearDown() override { ::umount2(folder.path().c_str(), MNT_DETACH); }
};

TEST_F(MountedDisk, full_refuses_what_is_new_and_recovers_when_there_is_room) {
  ServerProcess server(folder.path(), {});
  server.start();
  secret = server.token();
  HonestNode honest(server, secret);
  ASSERT_EQ(join(server, known), 0);

  const auto filler = folder.path() / "filler";
  {
    std::ofstream file(filler, std::ios::binary);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  // SQLite writes into what its log has already; when that is used up, the disk is full for it, too.
  int code = 0;
  for (int index = 0; index < 400 && code == 0; ++index) {
    ScriptedNode more(random, "more" + std::to_string(index));
    code = join(server, more);
  }
  EXPECT_EQ(code, kTryLater);
  expect_reading_only(server, honest);
  std::filesystem::remove(filler);
  expect_recovery(server);
}

TEST_F(MountedDisk, read_only_at_the_start_is_said_by_every_command) {
  ServerProcess server(folder.path(), {});
  server.start();
  EXPECT_EQ(server.stop(), 0);
  ASSERT_EQ(::mount(nullptr, folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"run"}, {"token", "--network", "home"}, {"nodes"}}) {
    const auto outcome = server.command(words);
    EXPECT_EQ(outcome.exit_code, 1) << words[0];
    EXPECT_THAT(outcome.err,
                testing::AllOf(testing::StartsWith("error: "), HasSubstr("Read-only file system")))
        << words[0];
  }
}

/// The disk of a running server goes bad, by a library that is loaded into it.
class BadDisk : public Disk {
 protected:
  ServerProcess::Options options() const {
    return {.environment = {"LD_PRELOAD=" DISK_FAULT, "CAUSEWAY_DISK_FAULT=" + folder.path().string()}};
  }
  void fault(const char* name, bool on) {
    if (on) {
      std::ofstream(folder.path() / name);
    } else {
      std::filesystem::remove(folder.path() / name);
    }
  }
  void fail_and_recover(const char* name) {
    ServerProcess server(folder.path(), options());
    server.start();
    secret = server.token();
    HonestNode honest(server, secret);
    ASSERT_EQ(join(server, known), 0);
    fault(name, true);
    expect_reading_only(server, honest);
    fault(name, false);
    expect_recovery(server);
  }
};

TEST_F(BadDisk, read_only_while_running) { fail_and_recover("erofs"); }

TEST_F(BadDisk, input_output_errors) { fail_and_recover("eio"); }

TEST_F(BadDisk, slow_delays_what_must_be_stored_and_nothing_else) {
  ServerProcess server(folder.path(), options());
  server.start();
  secret = server.token();
  HonestNode honest(server, secret);
  ASSERT_EQ(join(server, known), 0);
  fault("slow", true);
  const SteadyTime begun = read_clocks().steady;
  std::thread waiting([&] { EXPECT_EQ(join(server, newcomer), 0); });
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(honest.ask());
    ::poll(nullptr, 0, 50);
  }
  EXPECT_EQ(join(server, known), 0);
  EXPECT_LT(read_clocks().steady - begun, 2s) << "a known node waited for the disk";
  EXPECT_LT(honest.slowest(), 500ms);
  waiting.join();
  EXPECT_GE(read_clocks().steady - begun, 2s) << "an enrolment was promised before it was stored";
}

}  // namespace
}  // namespace causeway::server_test
