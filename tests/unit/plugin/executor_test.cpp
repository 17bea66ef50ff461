// The plugin thread and its watch, with real threads; conditions are waited for, never times.
#include "plugin/executor.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <semaphore>

#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

/// The control thread of these tests: the test itself, running what is posted.
class Control {
 public:
  std::function<void(std::function<void()>)> poster() {
    return [this](std::function<void()> task) {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      came_.notify_one();
    };
  }
  /// Runs posted tasks until `condition` holds; false after 20 s.
  bool run_until(const std::function<bool()>& condition) {
    const auto limit = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      std::unique_lock lock(mutex_);
      if (!came_.wait_until(lock, limit, [&] { return !tasks_.empty(); })) return false;
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> tasks_;
};

TEST(InlineExecutor, RunsInOrderAndNeverNested) {
  InlineExecutor executor;
  std::string order;
  executor.run([&] {
    executor.run([&] { order += "b"; });
    executor.post_to_control([&] { order += "c"; });
    order += "a";
  });
  EXPECT_EQ(order, "abc");
}

TEST(ThreadExecutor, RunsElsewhereInOrderAndPostsCompletions) {
  Control control;
  ThreadExecutor executor(control.poster());
  std::vector<int> order;
  const auto here = std::this_thread::get_id();
  for (int i = 0; i < 100; ++i) {
    executor.run_watched(
        [&, i]() -> Executor::Completion {
          EXPECT_NE(std::this_thread::get_id(), here);
          return [&order, i] { order.push_back(i); };
        },
        10s, [] { ADD_FAILURE() << "not overtaken"; });
  }
  ASSERT_TRUE(control.run_until([&] { return order.size() == 100; }));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(ThreadExecutor, OvertakesACallOverBudgetAndGoesOn) {
  Control control;
  // Released at the end of the test, by then nobody waits for what the call would have done.
  auto gate = std::make_shared<std::binary_semaphore>(0);
  auto left = std::make_shared<std::binary_semaphore>(0);
  bool overtaken = false;
  bool next_ran = false;
  {
    ThreadExecutor executor(control.poster());
    executor.run_watched(
        [gate, left]() -> Executor::Completion {
          gate->acquire();
          left->release();
          return [] { ADD_FAILURE() << "its result is discarded"; };
        },
        20ms, [&] { overtaken = true; });
    executor.run_watched([&]() -> Executor::Completion { return [&] { next_ran = true; }; }, 10s, {});
    ASSERT_TRUE(control.run_until([&] { return next_ran; }));
    EXPECT_TRUE(overtaken) << "told before what came behind it";
    EXPECT_EQ(executor.overtaken(), 1U);
  }
  gate->release();
  left->acquire();
  bool idle = false;
  control.poster()([&] { idle = true; });
  EXPECT_TRUE(control.run_until([&] { return idle; }));
}

TEST(ThreadExecutor, EndsWithWhatIsQueued) {
  Control control;
  int ran = 0;
  {
    ThreadExecutor executor(control.poster());
    for (int i = 0; i < 10; ++i)
      executor.run([&] { ++ran; });
  }
  EXPECT_EQ(ran, 10);
}

class ThreadedHost : public ::testing::Test {
 protected:
  ThreadedHost() {
    Host::Options options;
    options.private_directory = scratch_.path() / "plugins";
    host_.emplace(options, HostCallbacks{}, executor_);
  }
  Host::PairRanking score(const std::string& peer) {
    std::optional<Host::PairRanking> result;
    host_->score_paths({peer}, {make_path(1, 1), make_path(2, 2)}, Now{},
                       [&](Host::PairRanking ranking) { result = std::move(ranking); });
    EXPECT_TRUE(control_.run_until([&] { return result.has_value(); }));
    return result.value_or(Host::PairRanking{});
  }

  ScratchDirectory scratch_;
  Control control_;
  ThreadExecutor executor_{control_.poster()};
  std::optional<Host> host_;
};

TEST_F(ThreadedHost, APluginThatHangsIsReplacedByTheRestOfTheStack) {
  ASSERT_TRUE(host_->load(test_plugin("moody"), {}));
  ASSERT_TRUE(host_->load(test_plugin("plain-c"), {}));
  ASSERT_TRUE(host_->use({{"moody"}, {"plain-c"}}, {}));
  EXPECT_EQ(score("fine").stack, "moody:1000,plain-c:1000");
  EXPECT_EQ(score("hang").stack, "plain-c");
  EXPECT_EQ(host_->stack_text(), "plain-c");
  const PluginView row = host_->list().front();
  EXPECT_EQ(row.state, InstanceState::failed);
  EXPECT_EQ(row.reason,
            "a call took longer than 50 ms and was given up: reload it, the old code stays mapped");
  EXPECT_EQ(score("fine").stack, "plain-c");

  // The abandoned code is never unmapped; a new generation takes the name.
  ASSERT_TRUE(host_->reload("moody", {}));
  ASSERT_TRUE(host_->use({{"moody"}}, {}));
  EXPECT_EQ(score("fine").stack, "moody");
  EXPECT_EQ(host_->list().size(), 3U);
  EXPECT_EQ(host_->list()[1].state, InstanceState::pinned);
}

TEST_F(ThreadedHost, UnloadingDrainsBehindTheCallsUnderWay) {
  ASSERT_TRUE(host_->load(test_plugin("plain-c"), {}));
  ASSERT_TRUE(host_->use({{"plain-c"}}, {}));
  std::vector<std::string> stacks;
  for (int i = 0; i < 20; ++i) {
    host_->score_paths({"peer"}, {make_path(1, 1)}, Now{},
                       [&](Host::PairRanking ranking) { stacks.push_back(ranking.stack); });
  }
  ASSERT_TRUE(host_->unload("plain-c", {}));
  EXPECT_EQ(host_->list().front().state, InstanceState::draining);
  ASSERT_TRUE(control_.run_until([&] { return host_->list().empty(); }));
  EXPECT_EQ(stacks, std::vector<std::string>(20, "plain-c"))
      << "decisions end with the layers they began with";
}

TEST_F(ThreadedHost, MayEndWithDecisionsUnderWay) {
  ASSERT_TRUE(host_->load(test_plugin("plain-c"), {}));
  ASSERT_TRUE(host_->use({{"plain-c"}}, {}));
  for (int i = 0; i < 20; ++i) {
    host_->score_paths({"peer"}, {make_path(1, 1)}, Now{},
                       [](Host::PairRanking) { ADD_FAILURE() << "nobody listens"; });
  }
  host_.reset();
  bool idle = false;
  executor_.run_watched([&]() -> Executor::Completion { return [&] { idle = true; }; }, 10s, {});
  EXPECT_TRUE(control_.run_until([&] { return idle; }));
}

}  // namespace
}  // namespace causeway::plugin
