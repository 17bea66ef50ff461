#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/network_namespace.hpp"

namespace causeway::interop {

inline constexpr std::uint16_t kCoturnPort = 3478;

/// turnserver on 10.89.0.2 and fd89::2.
class Coturn {
 public:
  explicit Coturn(const std::vector<std::string>& options) {
    char pattern[] = "/tmp/causeway-coturn-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    std::vector<std::string> words{"turnserver",
                                   "-n",
                                   "--no-cli",
                                   "--simple-log",
                                   "--log-file=" + folder_ + "/log",
                                   "--pidfile=" + folder_ + "/pid",
                                   "--userdb=" + folder_ + "/db",
                                   "--listening-ip=10.89.0.2",
                                   "--listening-ip=fd89::2",
                                   "--listening-port=" + std::to_string(kCoturnPort)};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (auto& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string output = folder_ + "/output";
    posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    error_ = ::posix_spawnp(&pid_, "turnserver", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Coturn() {
    if (error_ == 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }
  Coturn(const Coturn&) = delete;
  Coturn& operator=(const Coturn&) = delete;

  int error() const { return error_; }

 private:
  std::string folder_;
  pid_t pid_ = 0;
  int error_ = 0;
};

}  // namespace causeway::interop
