#include "cli/src/client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

namespace causeway::cli {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxReplyBytes = 64 * 1024 * 1024;
constexpr std::uint64_t kId = 1;

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Error connect_error(const std::filesystem::path& directory, const std::filesystem::path& path,
                    int error_number) {
  if (error_number == ENOENT || error_number == ECONNREFUSED) {
    return {fmt::format("no daemon answers at {}: start it with causewayd --dir {}", path.string(),
                        directory.string())};
  }
  if (error_number == EACCES || error_number == EPERM) {
    return {fmt::format("no permission to talk to the daemon at {}: use sudo", path.string())};
  }
  return {fmt::format("cannot connect to {}: {}", path.string(), std::strerror(error_number))};
}

/// False: time is up or the socket failed.
bool wait_for(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd poll_fd{fd, events, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

bool send_all(int fd, std::string_view text, Clock::time_point until) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN ? !wait_for(fd, POLLOUT, until) : errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// nullopt: not the reply yet.
std::optional<Result<Json>> read_message(std::string_view line,
                                         const std::function<void(const Json&)>& on_progress) {
  const Json message = Json::parse(line, nullptr, false);
  if (!message.is_object()) return Error{"the daemon's answer cannot be read: is it of another version?"};
  if (message.contains("method")) {
    if (message["method"] == "progress" && message.contains("params") && on_progress)
      on_progress(message["params"]);
    return std::nullopt;
  }
  if (message.contains("error")) {
    const Json& error = message["error"];
    const bool has_text = error.is_object() && error.contains("message") && error["message"].is_string();
    return Error{has_text ? error["message"].get<std::string>() : "the daemon refused without a reason"};
  }
  if (!message.contains("id") || message["id"] != kId || !message.contains("result")) return std::nullopt;
  return Result<Json>(boost::system::in_place_value, message["result"]);
}

}  // namespace

Result<Json> call_daemon(const std::filesystem::path& directory, const std::string& method,
                         const Json& params, std::chrono::milliseconds timeout,
                         const std::function<void(const Json&)>& on_progress) {
  const std::filesystem::path path = directory / "causeway.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    return Error{fmt::format("{} is too long for a socket", path.string())};
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const Socket socket;
  if (socket.get() < 0 ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return connect_error(directory, path, errno);
  }

  const auto until = Clock::now() + timeout;
  const Json request{{"jsonrpc", "2.0"}, {"id", kId}, {"method", method}, {"params", params}};
  const Error gone{fmt::format("the daemon at {} ended the connection: is it stopping?", path.string())};
  if (!send_all(socket.get(), request.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", until))
    return gone;
  std::string received;
  std::size_t scanned = 0;
  for (;;) {
    for (auto end = received.find('\n', scanned); end != std::string::npos; end = received.find('\n')) {
      auto answer = read_message(std::string_view(received).substr(0, end), on_progress);
      if (answer) return std::move(*answer);
      received.erase(0, end + 1);
    }
    scanned = received.size();
    if (received.size() > kMaxReplyBytes) return Error{"the daemon's answer is too long"};
    if (!wait_for(socket.get(), POLLIN, until)) {
      return Error{fmt::format("the daemon at {} did not answer in time: see its log", path.string())};
    }
    char block[16384];
    const ssize_t got = ::recv(socket.get(), block, sizeof block, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return gone;
    received.append(block, static_cast<std::size_t>(got));
  }
}

}  // namespace causeway::cli
