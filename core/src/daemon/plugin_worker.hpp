#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace boost::asio {
class io_context;
}

namespace causeway::daemon {

/// Does what would make the control thread wait, one job after the other, on a thread of its own that begins
/// with the first. Control thread; destroyed before what its jobs use.
class PluginWorker {
 public:
  explicit PluginWorker(boost::asio::io_context& context) : context_(context) {}
  /// Jobs under way are asked to stop and awaited, others are dropped.
  ~PluginWorker();
  PluginWorker(const PluginWorker&) = delete;
  PluginWorker& operator=(const PluginWorker&) = delete;

  /// `job` there, then `then` on the io_context.
  void run(std::function<void(const std::stop_token&)> job, std::function<void()> then);

 private:
  struct Job {
    std::function<void(const std::stop_token&)> job;
    std::function<void()> then;
  };
  void work(const std::stop_token& stop);

  boost::asio::io_context& context_;
  std::mutex mutex_;
  std::condition_variable_any job_came_;
  std::deque<Job> jobs_;
  std::jthread thread_;
};

}  // namespace causeway::daemon
