#include "plugin/fault_note.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace causeway::plugin {
namespace {

constexpr const char* kFile = "fault";
constexpr std::array kFaults{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// What a signal handler may touch: plain memory, made before.
char note_path[PATH_MAX];
std::atomic<bool> is_armed{false};
std::array<struct sigaction, kFaults.size()> former_actions;

void leave_note() {
  if (!is_armed.exchange(false)) return;
  const int fd = ::open(note_path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) ::close(fd);
}

void on_fault(int signal, siginfo_t* info, void*) {
  leave_note();
  for (std::size_t i = 0; i < kFaults.size(); ++i) {
    if (kFaults[i] == signal) ::sigaction(signal, &former_actions[i], nullptr);
  }
  // A fault comes again by itself when the instruction is repeated; what was sent must be sent again.
  if (info->si_code <= 0) ::raise(signal);
}

}  // namespace

FaultNote::FaultNote(const std::filesystem::path& directory) {
  const std::string file = (directory / kFile).string();
  if (file.size() >= sizeof note_path) return;
  std::memcpy(note_path, file.c_str(), file.size() + 1);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kFaults.size(); ++i)
    ::sigaction(kFaults[i], &action, &former_actions[i]);
  static const bool is_registered = std::atexit(leave_note) == 0;
  is_armed = is_registered;
}

FaultNote::~FaultNote() {
  is_armed = false;
  for (std::size_t i = 0; i < kFaults.size(); ++i)
    ::sigaction(kFaults[i], &former_actions[i], nullptr);
}

bool FaultNote::take(const std::filesystem::path& directory) {
  std::error_code error;
  return std::filesystem::remove(directory / kFile, error);
}

}  // namespace causeway::plugin
