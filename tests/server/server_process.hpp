#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "load_client.hpp"

namespace causeway::server_test {

/// Under a sanitizer freed memory is kept aside, and what is resident says nothing of what is used.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kResidentTells = false;
#else
inline constexpr bool kResidentTells = true;
#endif

/// A folder of its own under the temporary one, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What a command printed and how it ended.
struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// A real causeway-server on a loopback address that no other test has. Never outlives the test. One thread.
class ServerProcess {
 public:
  struct Options {
    std::string pool = "10.10.0.0/16";
    std::vector<std::string> environment = {};  ///< for the server alone, "NAME=value"
    std::optional<unsigned> most_descriptors = {};
  };
  /// Initialises DIR = `folder`/server.
  ServerProcess(const std::filesystem::path& folder, Options options);
  ~ServerProcess();

  /// Returns once it accepts connections; how long that took. Throws with its log when it ends instead.
  Duration start();
  void kill();
  /// By SIGTERM; its exit code.
  int stop();

  /// `causeway-server WORDS --dir DIR`.
  Outcome command(std::vector<std::string> words) const;
  /// The result of a query, --json added. Null when it fails.
  Json ask(std::vector<std::string> words) const;
  /// The secret of a new token.
  std::string token(const std::string& network = "home", unsigned uses = 1'000'000) const;
  Json node(const std::string& name) const;

  const net::Endpoint& endpoint() const { return endpoint_; }
  std::filesystem::path directory() const { return directory_; }
  pid_t pid() const { return pid_; }
  std::size_t resident_kib() const;
  std::string log() const;

  /// From a source of its own unless one is given.
  std::unique_ptr<LineClient> connect(std::optional<net::IpAddress> source = {},
                                      int receive_buffer_bytes = 0);
  /// A loopback address that was not used as a source before.
  net::IpAddress fresh_source();

 private:
  std::filesystem::path directory_;
  Options options_;
  net::Endpoint endpoint_;
  std::uint32_t next_source_;
  pid_t pid_ = -1;
};

/// Asks a server now and then over one connection that nothing may disturb, and remembers the slowest answer.
class HonestNode {
 public:
  HonestNode(ServerProcess& server, const std::string& secret);
  /// False once the connection ended or a query failed.
  bool ask();
  Duration slowest() const { return slowest_; }
  const std::string& address() const { return address_; }

 private:
  SystemRandom random_;
  ScriptedNode node_;
  std::unique_ptr<LineClient> client_;
  std::string address_;
  Duration slowest_{};
};

}  // namespace causeway::server_test
