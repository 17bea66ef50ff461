#include "daemon/trace_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "net/file_descriptor.hpp"
#include "store/file.hpp"

namespace causeway::daemon {

TraceFile::TraceFile(std::filesystem::path path) : path_(std::move(path)), thread_([this] { work(); }) {}

TraceFile::~TraceFile() {
  {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
  }
  wake_up_.notify_one();
  thread_.join();
}

void TraceFile::append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty() || is_finished_) return;
  if (waiting_.size() + text.size() > kMostWaiting) {
    failure_ = path_.string() + ": the disk does not keep up: record to another one";
    return;
  }
  bytes_ += text.size();
  waiting_ += text;
  wake_up_.notify_one();
}

void TraceFile::finish(std::function<void(Result<void>)> done) {
  {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
    done_ = std::move(done);
  }
  wake_up_.notify_one();
}

std::string TraceFile::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

// ---- the writer ----

void TraceFile::work() {
  const Result<void> written = write_all();
  std::unique_lock lock(mutex_);
  if (!written && failure_.empty()) failure_ = written.error().message;
  // It may be finished later than it failed.
  wake_up_.wait(lock, [this] { return is_finished_; });
  const auto done = std::exchange(done_, {});
  const Result<void> outcome = failure_.empty() ? Result<void>() : Error{failure_};
  lock.unlock();
  if (done) done(outcome);
}

Result<void> TraceFile::write_all() {
  // What a trace tells of peers is nobody else's business. A link in its place is none of ours.
  const net::FileDescriptor file(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    if (errno == EEXIST) return Error{path_.string() + " is there already: remove it, or name another file"};
    return store::file_error("create", path_, errno);
  }
  std::unique_lock lock(mutex_);
  while (true) {
    wake_up_.wait(lock, [this] { return is_finished_ || !waiting_.empty(); });
    if (waiting_.empty()) break;
    const std::string text = std::exchange(waiting_, {});
    lock.unlock();
    for (std::size_t written = 0; written < text.size();) {
      const ssize_t size = ::write(file.get(), text.data() + written, text.size() - written);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return store::file_error("write", path_, errno);
      written += static_cast<std::size_t>(size);
    }
    lock.lock();
  }
  lock.unlock();
  if (::fsync(file.get()) != 0 && errno != EINVAL) return store::file_error("write", path_, errno);
  return {};
}

}  // namespace causeway::daemon
