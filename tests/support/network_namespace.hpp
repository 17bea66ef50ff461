#pragma once

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "net/file_descriptor.hpp"

extern char** environ;

namespace causeway::test {

/// Moves the calling thread into a new, empty network namespace; threads and programs that it starts follow.
/// The namespace goes with its last thread, descriptor and socket. Empty when that worked, else why not:
/// these tests need root and fail without.
inline std::string enter_new_network_namespace() {
  if (::unshare(CLONE_NEWNET) == 0) return "";
  return "unshare(CLONE_NEWNET): " + std::generic_category().message(errno) + "; run this test as root";
}

/// The network namespace of the calling thread, to come back to.
inline net::FileDescriptor current_network_namespace() {
  return net::FileDescriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

inline bool enter(const net::FileDescriptor& network_namespace) {
  return ::setns(network_namespace.get(), CLONE_NEWNET) == 0;
}

/// Runs a program in the thread's namespace; its exit status, or -1.
inline int run(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const auto& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// run({"ip", …}) from one line.
inline bool ip(const std::string& line) {
  std::vector<std::string> words{"ip"};
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    if (end > at) words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return run(words) == 0;
}

}  // namespace causeway::test
