#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "plugin/host.hpp"

namespace causeway::plugin {

/// One plugin thread, and a second one that watches the budget of the call that runs. Made and ended on the
/// control thread, after the Host that uses it.
class ThreadExecutor final : public Executor {
 public:
  /// `post` runs a task on the control thread; called from any thread, and never again once this object is
  /// gone.
  explicit ThreadExecutor(std::function<void(std::function<void()>)> post);
  /// Runs what is queued first. Overtaken threads are left behind: their calls may never return.
  ~ThreadExecutor() override;

  void run(std::function<void()> task) override;
  void run_watched(std::function<Completion()> task, Duration budget, Completion overtaken) override;
  void post_to_control(std::function<void()> task) override;
  /// Calls given up so far.
  std::size_t overtaken() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::thread watch_;
};

/// For simulations and tests: everything runs at once in the calling thread, one task after the other; what
/// is submitted by a running task runs behind it.
class InlineExecutor final : public Executor {
 public:
  void run(std::function<void()> task) override;
  void post_to_control(std::function<void()> task) override { run(std::move(task)); }

 private:
  std::deque<std::function<void()>> queue_;
  bool is_running_ = false;
};

}  // namespace causeway::plugin
