#include "daemon/plugin_worker.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace causeway::daemon {

PluginWorker::~PluginWorker() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void PluginWorker::run(std::function<void(const std::stop_token&)> job, std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(job), std::move(then)});
  }
  job_came_.notify_one();
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void PluginWorker::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (job_came_.wait(lock, stop, [this] { return !jobs_.empty(); })) {
    if (stop.stop_requested()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.job(stop);
    boost::asio::post(context_, std::move(job.then));
    lock.lock();
  }
}

}  // namespace causeway::daemon
