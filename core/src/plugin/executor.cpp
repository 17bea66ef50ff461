#include "plugin/executor.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>

namespace causeway::plugin {

void Executor::run_watched(std::function<Completion()> task, Duration, Completion) {
  run([this, task = std::move(task)] {
    if (Completion completion = task()) post_to_control(std::move(completion));
  });
}

/// What the owner, the plugin thread, its watch and overtaken threads share. An overtaken thread sees a newer
/// `worker` than its own number and leaves without touching anything else.
struct ThreadExecutor::Shared {
  struct Job {
    std::function<Completion()> task;
    std::optional<Duration> budget;
    Completion overtaken;
  };
  struct Running {
    std::chrono::steady_clock::time_point deadline;
    Completion overtaken;
  };

  std::mutex mutex;
  std::condition_variable work_came;
  std::condition_variable state_changed;  // a watched call began or ended, or the worker ended
  std::function<void(std::function<void()>)> post;
  std::deque<Job> queue;
  std::optional<Running> running;
  std::uint64_t started = 0;  // calls so far: tells the watch whether the call it waits for still runs
  std::uint64_t worker = 0;   // number of the current plugin thread
  std::size_t overtaken = 0;
  bool is_stopping = false;
  bool worker_ended = false;
  bool watch_stops = false;
  std::thread thread;

  static void work(const std::shared_ptr<Shared>& self, std::uint64_t number);
  static void watch(const std::shared_ptr<Shared>& self);
};

void ThreadExecutor::Shared::work(const std::shared_ptr<Shared>& self, std::uint64_t number) {
  std::unique_lock lock(self->mutex);
  while (true) {
    self->work_came.wait(lock, [&] { return !self->queue.empty() || self->is_stopping; });
    if (self->queue.empty()) break;
    Job job = std::move(self->queue.front());
    self->queue.pop_front();
    if (job.budget) {
      ++self->started;
      self->running = Running{std::chrono::steady_clock::now() + *job.budget, std::move(job.overtaken)};
      self->state_changed.notify_all();
    }
    lock.unlock();
    Completion completion = job.task();
    job = {};
    lock.lock();
    if (self->worker != number) {
      lock.unlock();
      return;
    }
    self->running.reset();
    self->state_changed.notify_all();
    if (completion) self->post(std::move(completion));
  }
  self->worker_ended = true;
  self->state_changed.notify_all();
}

void ThreadExecutor::Shared::watch(const std::shared_ptr<Shared>& self) {
  std::unique_lock lock(self->mutex);
  while (!self->watch_stops) {
    if (!self->running) {
      self->state_changed.wait(lock);
      continue;
    }
    const std::uint64_t call = self->started;
    const auto deadline = self->running->deadline;
    const bool ended = self->state_changed.wait_until(
        lock, deadline, [&] { return self->watch_stops || !self->running || self->started != call; });
    if (ended) continue;
    self->post(std::move(self->running->overtaken));
    self->running.reset();
    ++self->overtaken;
    self->thread.detach();
    self->thread = std::thread(&Shared::work, self, ++self->worker);
  }
}

ThreadExecutor::ThreadExecutor(std::function<void(std::function<void()>)> post)
    : shared_(std::make_shared<Shared>()) {
  shared_->post = std::move(post);
  shared_->thread = std::thread(&Shared::work, shared_, shared_->worker);
  watch_ = std::thread(&Shared::watch, shared_);
}

ThreadExecutor::~ThreadExecutor() {
  {
    std::unique_lock lock(shared_->mutex);
    shared_->is_stopping = true;
    shared_->work_came.notify_all();
    shared_->state_changed.wait(lock, [&] { return shared_->worker_ended; });
    shared_->watch_stops = true;
    shared_->state_changed.notify_all();
  }
  shared_->thread.join();
  watch_.join();
}

void ThreadExecutor::run(std::function<void()> task) {
  const std::lock_guard lock(shared_->mutex);
  shared_->queue.push_back({[task = std::move(task)] {
                              task();
                              return Completion();
                            },
                            std::nullopt,
                            {}});
  shared_->work_came.notify_one();
}

void ThreadExecutor::run_watched(std::function<Completion()> task, Duration budget, Completion overtaken) {
  const std::lock_guard lock(shared_->mutex);
  shared_->queue.push_back({std::move(task), budget, std::move(overtaken)});
  shared_->work_came.notify_one();
}

void ThreadExecutor::post_to_control(std::function<void()> task) {
  const std::lock_guard lock(shared_->mutex);
  shared_->post(std::move(task));
}

std::size_t ThreadExecutor::overtaken() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->overtaken;
}

void InlineExecutor::run(std::function<void()> task) {
  queue_.push_back(std::move(task));
  if (is_running_) return;
  is_running_ = true;
  while (!queue_.empty()) {
    const auto next = std::move(queue_.front());
    queue_.pop_front();
    next();
  }
  is_running_ = false;
}

}  // namespace causeway::plugin
