// Reloads: what is handed over, who answers meanwhile, and when the old generation comes back.
#include <condition_variable>
#include <deque>
#include <mutex>

#include "plugin/examination.hpp"
#include "plugin/plugin_library.hpp"
#include "plugin/state_envelope.hpp"
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

class Replace : public ::testing::Test {
 protected:
  void put(const std::string& name) {
    std::filesystem::copy_file(test_plugin(name), file_, std::filesystem::copy_options::overwrite_existing);
  }
  /// `name` in use, and asked `times`.
  void begin(const std::string& name, int times) {
    put(name);
    ASSERT_TRUE(world_.host().load(file_, world_.now()));
    ASSERT_TRUE(world_.host().use({{"keeper"}}, world_.now()));
    for (int i = 0; i < times; ++i)
      score();
  }
  /// Puts another build in its place; what came of it is told later, in `told_`.
  void reload(const std::string& build) {
    put(build);
    told_.reset();
    const auto examined = world_.host().examine(file_);
    examined->run();
    world_.host().reload("keeper", *examined, false, world_.now(),
                         [this](const Result<void>& done) { told_ = done ? "" : done.error().message; });
  }
  std::int64_t score(const std::string& peer = "peer") {
    const auto ranking = world_.score(peer, {make_path(1, 1)});
    stack_ = ranking.stack;
    return ranking.scores.front().score;
  }
  std::vector<std::string> rows() {
    std::vector<std::string> list;
    for (const PluginView& row : world_.host().list()) {
      const char* const states[] = {"active", "loaded", "draining", "pinned", "failed"};
      list.push_back(std::to_string(row.generation) + " " + states[static_cast<int>(row.state)]);
    }
    return list;
  }
  bool is_generation_mapped(int generation) {
    return is_mapped(world_.private_directory() / ("keeper." + std::to_string(generation) + ".so"));
  }

  HostWorld world_;
  std::filesystem::path file_ = world_.scratch() / "keeper.so";
  std::optional<std::string> told_;
  std::string stack_;
};

TEST_F(Replace, TheNewGenerationKnowsWhatTheOldOneLearnt) {
  begin("keeper", 5);
  reload("keeper");
  EXPECT_FALSE(told_) << "nobody has asked it yet";
  EXPECT_EQ(rows(), (std::vector<std::string>{"2 active", "1 draining"}));
  EXPECT_EQ(score(), 6);
  EXPECT_EQ(told_, "");
  EXPECT_EQ(rows(), (std::vector<std::string>{"2 active"}));
  EXPECT_FALSE(is_generation_mapped(1));
  EXPECT_EQ(world_.row("keeper")->reason, "");
}

TEST_F(Replace, AnUnknownSchemaIsAColdStartAndSaidSo) {
  begin("keeper", 5);
  reload("keeper-other-schema");
  EXPECT_EQ(score(), 1);
  EXPECT_EQ(told_, "");
  EXPECT_EQ(world_.row("keeper")->reason, "started cold: it does not know the state of schema 1");
}

TEST_F(Replace, StateBeyondTheLimitIsAColdStart) {
  begin("keeper-greedy", 5);
  reload("keeper");
  EXPECT_EQ(score(), 1);
  EXPECT_EQ(world_.row("keeper")->reason, "started cold: the old generation gave no state (CW_ERROR_LIMIT)");
  EXPECT_EQ(world_.row("keeper")->faults, 0U);
}

TEST_F(Replace, NothingToTellIsNoColdStart) {
  begin("keeper-silent", 5);
  reload("keeper");
  EXPECT_EQ(score(), 1);
  EXPECT_EQ(world_.row("keeper")->reason, "");
}

TEST_F(Replace, OneThatFailsItsFirstDecisionIsTakenBack) {
  for (const char* build : {"keeper-fails", "keeper-throws", "keeper-lies"}) {
    SCOPED_TRACE(build);
    world_.stop();
    world_.start();
    begin("keeper", 5);
    const int changes = world_.ranking_changes;
    reload(build);
    EXPECT_EQ(score("home"), 6) << "the old one answers this very decision";
    EXPECT_EQ(stack_, "keeper");
    ASSERT_TRUE(told_);
    EXPECT_TRUE(told_->ends_with("(generation 1 goes on)")) << *told_;
    EXPECT_EQ(rows(), (std::vector<std::string>{"1 active"}));
    EXPECT_TRUE(world_.row("keeper")->reason.starts_with("generation 2 was taken back: "))
        << world_.row("keeper")->reason;
    EXPECT_FALSE(is_generation_mapped(2));
    EXPECT_EQ(world_.ranking_changes, changes + 2) << "there and back";
    EXPECT_EQ(score(), 7);
  }
}

TEST_F(Replace, ADecisionWithoutPairsProvesNothing) {
  begin("keeper", 1);
  reload("keeper-fails");
  world_.score("peer", {});
  EXPECT_EQ(rows(), (std::vector<std::string>{"2 active", "1 draining"}));
  EXPECT_EQ(score("home"), 2);
  EXPECT_EQ(rows(), (std::vector<std::string>{"1 active"}));
}

TEST_F(Replace, WithoutADecisionTheOldOneStaysInReserveAndSuccessIsTold) {
  begin("keeper", 1);
  reload("keeper-fails");
  EXPECT_EQ(world_.host().next_timeout(), world_.now().steady + 1s);
  world_.advance(1s);
  EXPECT_EQ(told_, "");
  EXPECT_EQ(rows(), (std::vector<std::string>{"2 active", "1 draining"}));
  // Another one takes the place of what never answered; the reserve is still the one that did.
  reload("keeper");
  EXPECT_EQ(rows(), (std::vector<std::string>{"3 active", "1 draining"}));
  EXPECT_EQ(score(), 2);
  EXPECT_EQ(rows(), (std::vector<std::string>{"3 active"}));
}

TEST_F(Replace, OneAtATime) {
  begin("keeper", 1);
  reload("keeper");
  reload("keeper");
  EXPECT_EQ(told_, "keeper is being replaced at this moment: wait for that");
  EXPECT_EQ(score(), 2);
}

TEST_F(Replace, UnloadTakesBothAlong) {
  begin("keeper", 1);
  reload("keeper");
  ASSERT_TRUE(world_.host().unload("keeper", world_.now()));
  EXPECT_EQ(told_, "keeper was unloaded meanwhile");
  EXPECT_TRUE(rows().empty());
  EXPECT_FALSE(is_generation_mapped(1));
  EXPECT_FALSE(is_generation_mapped(2));
  EXPECT_EQ(world_.host().stack_text(), "builtin");
}

TEST_F(Replace, OneThatIsNotInUseIsReplacedAtOnce) {
  put("keeper");
  ASSERT_TRUE(world_.host().load(file_, world_.now()));
  reload("keeper");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(rows(), (std::vector<std::string>{"2 loaded"}));
}

TEST_F(Replace, WhatAFailedOneLearntIsNotHandedOver) {
  begin("keeper-fails", 5);
  for (int i = 0; i < 3; ++i)
    score("home");
  EXPECT_EQ(world_.row("keeper")->state, InstanceState::failed);
  reload("keeper");
  EXPECT_EQ(told_, "");
  ASSERT_TRUE(world_.host().use({{"keeper"}}, world_.now()));
  EXPECT_EQ(score(), 1);
}

TEST_F(Replace, StopDrainsWhatIsInReserveToo) {
  begin("keeper", 1);
  reload("keeper");
  bool is_stopped = false;
  world_.host().stop([&] { is_stopped = true; });
  EXPECT_TRUE(is_stopped);
  EXPECT_TRUE(rows().empty());
  EXPECT_FALSE(is_generation_mapped(1));
  EXPECT_FALSE(is_generation_mapped(2));
}

TEST_F(Replace, AnExaminationThatNobodyTookLeavesNoCopy) {
  put("keeper");
  {
    const auto examined = world_.host().examine(file_);
    examined->run();
    EXPECT_TRUE(std::filesystem::exists(world_.private_directory() / "keeper.1.so"));
  }
  EXPECT_FALSE(std::filesystem::exists(world_.private_directory() / "keeper.1.so"));
}

// ---- hangs, with a real plugin thread ----

class ReplaceThreaded : public ::testing::Test {
 protected:
  /// Runs what was posted to control until `is_true`.
  template <class Condition>
  bool wait_for(Condition is_true) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!is_true()) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        if (!posted_came_.wait_until(lock, deadline, [&] { return !posted_.empty(); })) return false;
        task = std::move(posted_.front());
        posted_.pop_front();
      }
      task();
    }
    return true;
  }
  void put(const std::string& name) {
    std::filesystem::copy_file(test_plugin(name), file_, std::filesystem::copy_options::overwrite_existing);
  }
  void begin() {
    Host::Options options;
    options.private_directory = scratch_.path() / "plugins";
    options.seed = 7;
    host_.emplace(options, HostCallbacks{}, *executor_);
    put("keeper");
    ASSERT_TRUE(host_->load(file_, {}));
    ASSERT_TRUE(host_->use({{"keeper"}}, {}));
    EXPECT_EQ(score("peer"), 1);
  }
  void reload(const std::string& build) {
    put(build);
    const auto examined = host_->examine(file_);
    examined->run();
    host_->reload("keeper", *examined, false, {},
                  [this](const Result<void>& done) { told_ = done ? "" : done.error().message; });
  }
  std::int64_t score(const std::string& peer) {
    std::optional<std::int64_t> result;
    host_->score_paths({peer}, {make_path(1, 1)}, {},
                       [&](const Host::PairRanking& ranking) { result = ranking.scores.front().score; });
    EXPECT_TRUE(wait_for([&] { return result.has_value(); }));
    return result.value_or(-1);
  }
  void TearDown() override {
    if (host_) {
      bool is_stopped = false;
      host_->stop([&] { is_stopped = true; });
      EXPECT_TRUE(wait_for([&] { return is_stopped; }));
    }
    host_.reset();
    executor_.reset();
  }

  ScratchDirectory scratch_;
  std::filesystem::path file_ = scratch_.path() / "keeper.so";
  std::mutex mutex_;
  std::condition_variable posted_came_;
  std::deque<std::function<void()>> posted_;
  std::optional<ThreadExecutor> executor_{std::in_place, [this](std::function<void()> task) {
                                            const std::lock_guard lock(mutex_);
                                            posted_.push_back(std::move(task));
                                            posted_came_.notify_one();
                                          }};
  std::optional<Host> host_;
  std::optional<std::string> told_;
};

TEST_F(ReplaceThreaded, OneThatHangsInItsFirstDecisionIsTakenBackAndPinned) {
  begin();
  reload("keeper-hangs");
  EXPECT_TRUE(wait_for([&] { return host_->list().size() == 2; }));
  EXPECT_EQ(score("home"), 2) << "by the old one";
  ASSERT_TRUE(told_);
  EXPECT_TRUE(told_->ends_with("(generation 1 goes on)")) << *told_;
  ASSERT_EQ(host_->list().size(), 2U);
  EXPECT_EQ(host_->list()[0].state, InstanceState::pinned);
  EXPECT_EQ(host_->list()[1].state, InstanceState::active);
  EXPECT_EQ(score("home"), 3);
}

TEST_F(ReplaceThreaded, OneThatHangsInImportNeverTakesOver) {
  begin();
  reload("keeper-stuck");
  EXPECT_TRUE(wait_for([&] { return told_.has_value(); }));
  EXPECT_EQ(told_, "the new generation did not return from import_state (generation 1 stays)");
  EXPECT_EQ(score("home"), 2);
}

}  // namespace
}  // namespace causeway::plugin
