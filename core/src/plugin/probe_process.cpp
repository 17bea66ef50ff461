#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "plugin/probe.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxReportBytes = 16 * 1024;
constexpr std::size_t kMaxReasonBytes = 512;
constexpr std::chrono::milliseconds kLookForStop{50};

/// A started child and the read end of its stdout; kills and reaps what still runs.
struct Child {
  pid_t pid = -1;
  int out = -1;
  ~Child() {
    if (out >= 0) ::close(out);
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
};

Result<void> start(Child& child, const std::filesystem::path& program, const std::filesystem::path& file) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return Error{"no pipe for the probe"};
  child.out = pipe_ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  // The daemon may block or ignore signals; its probe must die of its own.
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = program.string();
  std::string option = "--probe-plugin";
  std::string argument = file.string();
  char* const arguments[] = {name.data(), option.data(), argument.data(), nullptr};
  const int error = ::posix_spawn(&child.pid, program.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (error != 0) {
    child.pid = -1;
    return Error{fmt::format("the probe {} cannot be started: {}", name, std::strerror(error))};
  }
  return {};
}

/// Everything the child prints until it closes its stdout; false when the deadline came first, or a stop.
bool read_report(const Child& child, Clock::time_point deadline, const std::stop_token& stop,
                 std::string& report) {
  while (!stop.stop_requested()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left <= left.zero()) return false;
    pollfd wait{child.out, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::min(left, kLookForStop).count())) <= 0) continue;
    char buffer[4096];
    const ssize_t got = ::read(child.out, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    report.append(buffer, std::min(static_cast<std::size_t>(got), kMaxReportBytes - report.size()));
  }
  return false;
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace

Result<void> run_probe(const std::filesystem::path& program, const std::filesystem::path& file,
                       Duration limit, const std::stop_token& stop) {
  Child child;
  if (auto ok = start(child, program, file); !ok) return ok.error();
  const auto deadline = Clock::now() + limit;
  std::string report;
  const Error too_slow{
      fmt::format("did not finish its probe within {:.1f} s: it hangs", to_milliseconds(limit) / 1e3)};
  if (!read_report(child, deadline, stop, report))
    return stop.stop_requested() ? Error{"the daemon is ending"} : too_slow;
  // stdout is closed: the process is about to end, unless the plugin closed it itself.
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(child.pid, &status, WNOHANG);
    if (ended == child.pid) break;
    if (ended < 0 && errno != EINTR) return Error{"the probe was lost"};
    if (Clock::now() >= deadline) return too_slow;
    ::poll(nullptr, 0, 1);
  }
  child.pid = -1;
  if (WIFSIGNALED(status))
    return Error{fmt::format("crashed when probed ({})", signal_text(WTERMSIG(status)))};
  const auto answer = nlohmann::json::parse(report, nullptr, false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_string()) {
    return Error{clean_text(answer["error"].get<std::string>(), kMaxReasonBytes)};
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !answer.is_object() || !answer.contains("id")) {
    return Error{
        fmt::format("ended its probe early (exit code {})", WIFEXITED(status) ? WEXITSTATUS(status) : -1)};
  }
  return {};
}

}  // namespace causeway::plugin
