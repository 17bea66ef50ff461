// What is kept and when it is acknowledged, over a real state directory whose writes can be made to fail.
#include "daemon/state_keeper.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace causeway::daemon {
namespace {

using testing::HasSubstr;

constexpr WallTime kWall{1'790'000'000s};

class StateKeeperTest : public testing::Test {
 protected:
  StateKeeperTest() {
    char name[] = "/tmp/causeway-keeper-XXXXXX";
    base = ::mkdtemp(name);
    directory.emplace(store::StateDirectory::open(base / "state", random).value());
    make_keeper();
  }
  ~StateKeeperTest() override {
    keeper.reset();
    directory.reset();
    std::filesystem::remove_all(base);
  }
  void make_keeper() {
    keeper.emplace(
        *directory,
        [this](std::function<void()> task) {
          const std::lock_guard lock(mutex);
          tasks.push_back(std::move(task));
          posted.notify_one();
        },
        20ms);
  }
  /// Runs what was posted until the condition holds; false after 10 s.
  bool run_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      std::unique_lock lock(mutex);
      if (!posted.wait_until(lock, end, [&] { return !tasks.empty(); })) return false;
      const auto task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
    }
    return true;
  }
  /// A directory in the place of the temporary file: root can be refused no other way.
  void break_disk() {
    for (const char* name : {"state.json.tmp", "friends.json.tmp", "peers.json.tmp"})
      std::filesystem::create_directory(base / "state" / name);
  }
  void mend_disk() {
    for (const char* name : {"state.json.tmp", "friends.json.tmp", "peers.json.tmp"})
      std::filesystem::remove(base / "state" / name);
  }
  store::NodeState named(const char* name) {
    store::NodeState state = keeper->state();
    state.name = name;
    return state;
  }
  /// What a daemon that starts now would read.
  store::StateDirectory reopen() {
    keeper.reset();
    directory.reset();
    return store::StateDirectory::open(base / "state", random).value();
  }
  std::optional<Result<void>> answer_of_newest() {
    std::optional<Result<void>> answer;
    keeper->when_stored([&](const Result<void>& outcome) { answer = outcome; });
    run_until([&] { return answer.has_value(); });
    return answer;
  }

  SeededRandom random{1};
  std::filesystem::path base;
  std::mutex mutex;
  std::condition_variable posted;
  std::deque<std::function<void()>> tasks;
  std::optional<store::StateDirectory> directory;
  std::optional<StateKeeper> keeper;
};

TEST_F(StateKeeperTest, AnswersWhenItIsOnDisk) {
  keeper->start();
  keeper->save(named("n1"));
  EXPECT_TRUE(keeper->is_behind());
  EXPECT_EQ(keeper->state().name, "n1") << "at once";
  const auto answer = answer_of_newest();
  ASSERT_TRUE(answer && *answer);
  EXPECT_FALSE(keeper->is_behind());
  EXPECT_EQ(reopen().state().name, "n1");
}

TEST_F(StateKeeperTest, AnswersAtOnceWhenNothingWaits) {
  bool answered = false;
  keeper->when_stored([&](const Result<void>& outcome) { answered = outcome.has_value(); });
  EXPECT_TRUE(answered);
  keeper->save(keeper->state());
  EXPECT_FALSE(keeper->is_behind()) << "the same is no news";
}

TEST_F(StateKeeperTest, AnErrorIsTheAnswerAndTheWritingGoesOn) {
  keeper->start();
  break_disk();
  keeper->save(named("n1"));
  keeper->save(store::FriendState{"home", "ann", false, {}});
  const auto refused = answer_of_newest();
  ASSERT_TRUE(refused && !*refused);
  EXPECT_THAT(refused->error().message, HasSubstr("state.json"));
  EXPECT_EQ(keeper->failure(), refused->error().message);
  EXPECT_FALSE(keeper->is_behind()) << "nobody waits for a disk that is broken";
  mend_disk();
  EXPECT_TRUE(run_until([&] { return keeper->failure().empty(); })) << "by itself";
  const auto accepted = answer_of_newest();
  EXPECT_TRUE(accepted && *accepted);
  const auto stored = reopen();
  EXPECT_EQ(stored.state().name, "n1");
  EXPECT_EQ(stored.friends().user, "ann");
}

TEST_F(StateKeeperTest, TheNewestCountsWhateverHappened) {
  keeper->start();
  break_disk();
  for (int i = 0; i < 100; ++i)
    keeper->save(named(fmt::format("n{}", i).c_str()));
  ASSERT_TRUE(run_until([&] { return !keeper->failure().empty(); }));
  keeper->save(named("last"));
  mend_disk();
  EXPECT_EQ(reopen().state().name, "last") << "what waited is written at the end";
}

TEST_F(StateKeeperTest, KnownPeersDelayNoAnswer) {
  keeper->start();
  std::filesystem::create_directory(base / "state" / "peers.json.tmp");
  store::KnownPeer peer;
  peer.virtual_address = *net::IpAddress::parse("10.10.0.102");
  peer.record.body = "{}";
  keeper->save(std::vector{peer});
  EXPECT_FALSE(keeper->is_behind());
  ASSERT_TRUE(run_until([&] { return !keeper->failure().empty(); }));
  keeper->save(named("n1"));
  const auto answer = answer_of_newest();
  EXPECT_TRUE(answer && *answer) << "a cache that cannot be written loses nothing";
  std::filesystem::remove(base / "state" / "peers.json.tmp");
  EXPECT_TRUE(run_until([&] { return keeper->failure().empty(); }));
  EXPECT_EQ(reopen().known_peers(), std::vector{peer});
}

TEST_F(StateKeeperTest, HistoryDelaysNoAnswerAndGoesWhenNothingIsToBeKept) {
  keeper->start();
  std::filesystem::create_directory(base / "state" / "history.json.tmp");
  store::PeerHistory peer;
  peer.name = "n2";
  keeper->save(std::vector{peer});
  EXPECT_FALSE(keeper->is_behind());
  ASSERT_TRUE(run_until([&] { return !keeper->failure().empty(); }));
  keeper->save(named("n1"));
  const auto answer = answer_of_newest();
  EXPECT_TRUE(answer && *answer);
  std::filesystem::remove(base / "state" / "history.json.tmp");
  EXPECT_TRUE(run_until([&] { return keeper->failure().empty(); }));
  EXPECT_TRUE(std::filesystem::exists(base / "state" / "history.json"));
  keeper->save(std::vector<store::PeerHistory>{});
  EXPECT_TRUE(run_until([&] { return !std::filesystem::exists(base / "state" / "history.json"); }));
}

TEST_F(StateKeeperTest, WithoutAThreadItWritesAtTheEnd) {
  keeper->save(named("n1"));
  EXPECT_EQ(reopen().state().name, "n1");
}

TEST_F(StateKeeperTest, PortsAndStampsAreItsOwn) {
  const auto local = *net::IpAddress::parse("192.0.2.1");
  keeper->save_port(local, 4000);
  keeper->save(named("n1"));
  EXPECT_EQ(keeper->state().ports.at(local), 4000);
  store::NodeState other = keeper->state();
  other.ports.clear();
  other.timestamp = {};
  keeper->save(other);
  EXPECT_EQ(keeper->state().ports.at(local), 4000);
  for (std::uint32_t i = 0; i < 200; ++i)
    keeper->save_port(net::IpAddress::v4(0x0a000000 + i), 1);
  EXPECT_EQ(keeper->state().ports.size(), store::kMaxRememberedPorts);
  EXPECT_TRUE(keeper->state().ports.contains(net::IpAddress::v4(0x0a0000c7))) << "the newest stays";
}

TEST_F(StateKeeperTest, AStampWaitsUntilItIsCoveredAndThenHardlyAny) {
  session::TimestampSource stamps;
  keeper->start();
  EXPECT_FALSE(keeper->cover(stamps.next(kWall), kWall));
  ASSERT_TRUE(answer_of_newest());
  for (int second = 0; second < 299; second += 13) {
    const WallTime wall = kWall + std::chrono::seconds(second);
    EXPECT_TRUE(keeper->cover(stamps.next(wall), wall));
    EXPECT_FALSE(keeper->is_behind()) << "nor is anything written, at " << second;
  }
  const WallTime later = kWall + 301s;
  EXPECT_TRUE(keeper->cover(stamps.next(later), later));
  EXPECT_TRUE(keeper->is_behind()) << "ahead of need";
  ASSERT_TRUE(answer_of_newest());
  EXPECT_FALSE(keeper->cover(stamps.next(later + 1h), later + 1h)) << "after a long silence";
}

TEST_F(StateKeeperTest, ARestartGoesOnAboveWhatIsStored) {
  for (int restart = 0; restart < 50; ++restart) {
    session::TimestampSource stamps(keeper->state().timestamp);
    const auto before = keeper->state().timestamp;
    const auto stamp = stamps.next(kWall);
    EXPECT_GT(stamp, before);
    keeper->cover(stamp, kWall);
    EXPECT_GE(keeper->state().timestamp, stamp);
    auto again = reopen();
    EXPECT_GE(again.state().timestamp, stamp);
    directory.emplace(std::move(again));
    make_keeper();
  }
  // Fifty restarts in one second are no reason to run far ahead of the clock.
  EXPECT_LT(keeper->state().timestamp,
            session::TimestampSource{}.next(kWall + StateKeeper::kStampsAhead + 120s));
}

}  // namespace
}  // namespace causeway::daemon
