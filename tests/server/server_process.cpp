#include "server_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "protocol/join_token.hpp"

extern char** environ;

namespace causeway::server_test {
namespace {

constexpr auto kStartPatience = std::chrono::seconds(10);
constexpr std::uint16_t kPort = 7443;

std::string read_all(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

struct Child {
  std::vector<std::string> words;
  std::vector<std::string> environment;
  std::filesystem::path out;
  std::filesystem::path err;
  std::optional<unsigned> most_descriptors;
};

pid_t spawn(const Child& child) {
  std::vector<char*> arguments;
  for (const auto& word : child.words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> variables;
  for (char** entry = environ; *entry; ++entry)
    variables.push_back(*entry);
  for (const auto& entry : child.environment)
    variables.push_back(const_cast<char*>(entry.c_str()));
  variables.push_back(nullptr);
  const int out = ::open(child.out.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int err = ::open(child.err.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t pid = ::fork();
  if (pid == 0) {  // async-signal-safe calls only: the test may have threads
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out, 1);
    ::dup2(err, 2);
    if (child.most_descriptors) {
      const rlimit limit{*child.most_descriptors, *child.most_descriptors};
      ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    ::execve(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  ::close(out);
  ::close(err);
  if (pid < 0) throw std::runtime_error("fork failed");
  return pid;
}

int exit_code_of(pid_t pid) {
  int state = 0;
  while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cw-server-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder: " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ServerProcess::ServerProcess(const std::filesystem::path& folder, Options options)
    : directory_(folder / "server"), options_(std::move(options)) {
  SystemRandom random;
  // 127.X.Y.1 for the server, sources from 127.(X+1).0.1 on: tests that run at the same time do not meet.
  const std::uint32_t second = 1 + static_cast<std::uint32_t>(random.below(120)) * 2;
  const auto third = static_cast<std::uint32_t>(random.below(256));
  endpoint_ = {net::IpAddress::v4((127U << 24) | (second << 16) | (third << 8) | 1), kPort};
  next_source_ = (127U << 24) | ((second + 1) << 16) | static_cast<std::uint32_t>(random.below(20'000)) | 1;
  const auto made =
      command({"init", "--network", "home", "--pool", options_.pool, "--listen", endpoint_.to_string()});
  if (made.exit_code != 0) throw std::runtime_error("init: " + made.err);
}

ServerProcess::~ServerProcess() { kill(); }

Duration ServerProcess::start() {
  const SteadyTime begun = read_clocks().steady;
  pid_ = spawn({{CAUSEWAY_SERVER, "run", "--dir", directory_.string()},
                options_.environment,
                directory_.parent_path() / "server.log",
                directory_.parent_path() / "server.log",
                options_.most_descriptors});
  while (read_clocks().steady - begun < kStartPatience) {
    if (connect_tcp(endpoint_, fresh_source())) return read_clocks().steady - begun;
    int state = 0;
    if (::waitpid(pid_, &state, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    ::poll(nullptr, 0, 1);  // until it listens
  }
  throw std::runtime_error("the server does not listen: " + log());
}

void ServerProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  exit_code_of(std::exchange(pid_, -1));
}

int ServerProcess::stop() {
  ::kill(pid_, SIGTERM);
  return exit_code_of(std::exchange(pid_, -1));
}

Outcome ServerProcess::command(std::vector<std::string> words) const {
  const TemporaryFolder files;
  words.insert(words.begin(), CAUSEWAY_SERVER);
  words.insert(words.end(), {"--dir", directory_.string()});
  const pid_t pid = spawn({std::move(words), {}, files.path() / "out", files.path() / "err", {}});
  Outcome outcome;
  outcome.exit_code = exit_code_of(pid);
  outcome.out = read_all(files.path() / "out");
  outcome.err = read_all(files.path() / "err");
  return outcome;
}

Json ServerProcess::ask(std::vector<std::string> words) const {
  words.emplace_back("--json");
  const auto outcome = command(std::move(words));
  return outcome.exit_code == 0 ? Json::parse(outcome.out) : Json();
}

std::string ServerProcess::token(const std::string& network, unsigned uses) const {
  const auto made = command({"token", "--network", network, "--uses", std::to_string(uses)});
  if (made.exit_code != 0) throw std::runtime_error("token: " + made.err);
  return protocol::JoinToken::parse(made.out.substr(0, made.out.find('\n'))).value().secret;
}

Json ServerProcess::node(const std::string& name) const {
  for (const Json& entry : ask({"nodes"})) {
    if (entry["name"] == name) return entry;
  }
  return nullptr;
}

std::size_t ServerProcess::resident_kib() const {
  std::istringstream lines(read_all("/proc/" + std::to_string(pid_) + "/status"));
  for (std::string word; lines >> word;) {
    std::size_t kib = 0;
    if (word == "VmRSS:" && lines >> kib) return kib;
  }
  return 0;
}

std::string ServerProcess::log() const { return read_all(directory_.parent_path() / "server.log"); }

std::unique_ptr<LineClient> ServerProcess::connect(std::optional<net::IpAddress> source,
                                                   int receive_buffer_bytes) {
  return LineClient::open(endpoint_, source ? *source : fresh_source(), receive_buffer_bytes);
}

net::IpAddress ServerProcess::fresh_source() { return net::IpAddress::v4(next_source_++); }

// ---- honest node ----

HonestNode::HonestNode(ServerProcess& server, const std::string& secret)
    : node_(random_, "honest"), client_(server.connect()) {
  if (client_) address_ = node_.join(*client_, secret).value_or("");
  if (address_.empty()) throw std::runtime_error("an honest node cannot join: " + server.log());
}

bool HonestNode::ask() {
  const SteadyTime begun = read_clocks().steady;
  const bool answered = code_of(client_->call("query", {{"addresses", {address_}}})) == 0;
  slowest_ = std::max(slowest_, read_clocks().steady - begun);
  return answered;
}

}  // namespace causeway::server_test
