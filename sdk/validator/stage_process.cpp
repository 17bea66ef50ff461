// The process of a stage, and its watcher.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "plugin/confine.hpp"
#include "sdk/validator/guarded.hpp"
#include "sdk/validator/progress.hpp"
#include "sdk/validator/stage.hpp"

namespace causeway::validator {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMostResultBytes = 1u << 20;
constexpr Duration kEndAfterResult = std::chrono::seconds(2);

Progress* handler_progress = nullptr;

/// Notes what the fault was about, then lets it end the process as it would have.
void on_memory_fault(int, siginfo_t* info, void*) {
  bool is_write_protected = false;
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const char* label = explain_fault(at, is_write_protected);
  if (label != nullptr && handler_progress != nullptr) {
    char* out = handler_progress->fault;
    const char* what = is_write_protected ? "wrote to " : "went beyond the end of ";
    std::size_t used = 0;
    for (const char* part : {what, label}) {
      for (; *part != 0 && used + 1 < sizeof handler_progress->fault; ++part)
        out[used++] = *part;
    }
    out[used] = 0;
  }
}

void catch_faults() {
  // A stack of its own: the fault may be that the other one is full.
  static std::array<std::uint8_t, 64 * 1024> room;
  stack_t stack{};
  stack.ss_sp = room.data();
  stack.ss_size = room.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_memory_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS})
    ::sigaction(signal, &action, nullptr);
}

[[noreturn]] void run_child(Progress& progress, int out, std::uint64_t seed,
                            const std::function<void(Stage&)>& work) {
  // What the plugin prints is for its author's eyes, not for whoever reads our findings.
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  log::set_level(log::Level::off);
  handler_progress = &progress;
  catch_faults();
  Stage stage(progress, seed);
  if (auto ok = plugin::confine(); !ok) stage.error("host", ok.error().message);
  work(stage);
  const std::string result = stage.result();
  for (std::size_t done = 0; done < result.size();) {
    const ssize_t wrote = ::write(out, result.data() + done, result.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) break;
    done += static_cast<std::size_t>(wrote);
  }
  ::_exit(0);
}

/// What the child and we share, mapped before it is born.
class SharedProgress {
 public:
  SharedProgress() {
    void* const memory =
        ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    progress_ = new (memory) Progress;
  }
  ~SharedProgress() { ::munmap(progress_, sizeof(Progress)); }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  Progress& operator*() const { return *progress_; }

 private:
  Progress* progress_;
};

std::string where(const Progress& progress) {
  const std::string detail = progress.detail;
  return detail.empty() ? std::string(progress.function) : fmt::format("{} ({})", progress.function, detail);
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

enum class Ended { by_itself, call_hangs, takes_too_long };

/// Reads the result until the child closes it or a limit is passed.
Ended watch(int in, const Progress& progress, StageLimits limits, std::string& result) {
  const auto deadline = Clock::now() + limits.whole;
  while (true) {
    pollfd wait{in, POLLIN, 0};
    const int ready = ::poll(&wait, 1, 50);
    if (ready > 0) {
      char block[16384];
      const ssize_t got = ::read(in, block, sizeof block);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return Ended::by_itself;
      result.append(block, std::min(static_cast<std::size_t>(got), kMostResultBytes - result.size()));
      continue;
    }
    const auto now = Clock::now();
    const bool in_call = progress.entered.load(std::memory_order_acquire) % 2 == 1;
    const Duration since(now.time_since_epoch().count() - progress.since_ns.load(std::memory_order_relaxed));
    if (in_call && since > limits.call) return Ended::call_hangs;
    if (now > deadline) return Ended::takes_too_long;
  }
}

/// Waits for its end, which is forced after `patience`.
int reap(pid_t child, Duration patience) {
  const auto deadline = Clock::now() + patience;
  int status = 0;
  while (true) {
    const bool is_late = Clock::now() >= deadline;
    if (is_late) ::kill(child, SIGKILL);
    const pid_t ended = ::waitpid(child, &status, is_late ? 0 : WNOHANG);
    if (ended == child || (ended < 0 && errno != EINTR)) return status;
    if (ended == 0) ::poll(nullptr, 0, 1);
  }
}

/// One row per function, whichever stages called it; the median is that of the stage with the most calls.
void add(Report& report, CallTimes calls) {
  const auto same = std::find_if(report.calls.begin(), report.calls.end(),
                                 [&](const CallTimes& other) { return other.function == calls.function; });
  if (same == report.calls.end()) {
    report.calls.push_back(std::move(calls));
    return;
  }
  if (calls.calls > same->calls) same->median_ns = calls.median_ns;
  same->calls += calls.calls;
  same->longest_ns = std::max(same->longest_ns, calls.longest_ns);
}

/// The child's own findings; false if it did not get to tell them.
bool merge(Report& report, const std::string& result) {
  const auto told = nlohmann::json::parse(result, nullptr, false);
  if (!told.is_object() || !told.contains("findings") || !told.contains("calls")) return false;
  try {
    for (const auto& item : told["findings"]) {
      Finding finding{item.at(0).get<bool>() ? Severity::error : Severity::warning,
                      item.at(1).get<std::string>(), item.at(2).get<std::string>()};
      if (std::find(report.findings.begin(), report.findings.end(), finding) == report.findings.end())
        report.findings.push_back(std::move(finding));
    }
    for (const auto& item : told["calls"]) {
      add(report, {item.at(0).get<std::string>(), item.at(1).get<std::uint64_t>(),
                   item.at(2).get<std::int64_t>(), item.at(3).get<std::int64_t>()});
    }
    const auto take = [&](const char* key, std::string& into) {
      if (told.contains("told") && told["told"].contains(key)) into = told["told"][key].get<std::string>();
    };
    take("id", report.id);
    take("name", report.name);
    take("version", report.version);
    take("kind", report.kind);
    take("abi", report.abi);
  } catch (const nlohmann::json::exception&) {
    return false;
  }
  return true;
}

}  // namespace

bool run_stage(Report& report, const char* name, const std::function<void(Stage&)>& work,
               StageLimits limits) {
  const SharedProgress shared;
  const Progress& progress = *shared;
  const auto fail = [&](std::string text) {
    report.findings.push_back({Severity::error, name, std::move(text)});
    return false;
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail("no pipe for the examining process: close other programs");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    run_child(*shared, ends[1], report.seed, work);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return fail("the examining process cannot be started: close other programs");
  }
  std::string result;
  const Ended ended = watch(ends[0], progress, limits, result);
  ::close(ends[0]);
  const int status = reap(child, ended == Ended::by_itself ? kEndAfterResult : Duration{});

  if (ended == Ended::call_hangs) {
    return fail(
        fmt::format("{} did not come back within {:.0f} s; the daemon gives a call up after 50 ms: return "
                    "early, set a timer for the rest",
                    where(progress), to_milliseconds(limits.call) / 1e3));
  }
  if (ended == Ended::takes_too_long) {
    return fail(fmt::format("took longer than {:.0f} s in all, in the end in {}: its calls are too slow",
                            to_milliseconds(limits.whole) / 1e3, where(progress)));
  }
  const std::string fault = progress.fault;
  const std::string because = fault.empty() ? std::string() : fmt::format(": it {}", fault);
  if (WIFSIGNALED(status)) {
    return fail(
        fmt::format("{} crashed ({}){}; run it in a debugger, or build the plugin's own test with "
                    "-fsanitize=address,undefined",
                    where(progress), signal_name(WTERMSIG(status)), because));
  }
  if (!merge(report, result)) {
    return fail(
        fmt::format("{} ended the process (exit code {}): a plugin lives inside the daemon and must "
                    "not call exit",
                    where(progress), WIFEXITED(status) ? WEXITSTATUS(status) : -1));
  }
  report.checks.emplace_back(name);
  return true;
}

}  // namespace causeway::validator
