#include "cli/src/plugin_record.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "cli/src/client.hpp"
#include "cli/src/table.hpp"

namespace causeway::cli {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kPatience{30};

Result<Json> stop(const std::filesystem::path& directory) {
  return call_daemon(directory, "plugin.record.stop", Json::object(), kPatience, {});
}

/// While it lives, SIGINT and SIGTERM end the recording in place of this program, which then ends by itself.
class Interrupt {
 public:
  explicit Interrupt(std::filesystem::path directory) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    thread_ = std::thread([this, directory = std::move(directory)] {
      const timespec look{0, 100'000'000};
      while (!is_over_)
        if (::sigtimedwait(&signals_, nullptr, &look) > 0 && !is_over_) stop(directory);
    });
  }
  ~Interrupt() {
    is_over_ = true;
    thread_.join();
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  sigset_t signals_{}, before_{};
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

std::string progress_text(const Json& progress) {
  return fmt::format("{:.0f} s, {} steps, {} bytes", progress.value("seconds", 0.0),
                     progress.value("steps", std::uint64_t{0}), progress.value("bytes", std::uint64_t{0}));
}

int fail(std::ostream& err, const Error& error) {
  err << "error: " << printable(error.message) << "\n";
  return 1;
}

}  // namespace

int run_plugin_record(const PluginRecord& wanted, std::ostream& out, std::ostream& err) {
  if (wanted.stops) {
    const auto stopped = stop(wanted.directory);
    if (!stopped) return fail(err, stopped.error());
    out << "stopped\n";
    return 0;
  }
  Json params{{"file", std::filesystem::absolute(wanted.file).string()},
              {"seconds", wanted.seconds},
              {"megabytes", wanted.megabytes}};
  if (!wanted.peer.empty()) params["peer"] = wanted.peer;
  const bool shows_progress = !wanted.as_json && ::isatty(STDOUT_FILENO) != 0;
  const auto on_progress = [&](const Json& progress) {
    if (shows_progress) out << '\r' << progress_text(progress) << std::flush;
  };
  const Interrupt interrupt(wanted.directory);
  const auto done = call_daemon(wanted.directory, "plugin.record", params,
                                std::chrono::seconds(wanted.seconds) + kPatience, on_progress);
  if (shows_progress) out << "\r\x1b[K";
  if (!done) return fail(err, done.error());
  if (wanted.as_json) {
    out << done->dump(2) << "\n";
    return 0;
  }
  const std::string ended = done->value("ended", "");
  out << progress_text(*done)
      << (ended == "size"      ? fmt::format(", ended at {} MB", wanted.megabytes)
          : ended == "stopped" ? ", stopped"
                               : "")
      << ": " << printable(wanted.file.string()) << "\n";
  return 0;
}

}  // namespace causeway::cli
