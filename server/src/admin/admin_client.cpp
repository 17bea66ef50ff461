#include "server/src/admin/admin_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/rpc.hpp"
#include "server/src/core/server_core.hpp"
#include "server/src/net/descriptor.hpp"

namespace causeway::server {
namespace {

using protocol::Json;

constexpr std::uint64_t kRequestId = 1;
constexpr int kReplyMilliseconds = 20'000;
constexpr std::size_t kMaxReplyBytes = std::size_t{1} << 30;  // a million nodes; our own server is the sender
constexpr auto kStartingPatience = std::chrono::seconds(3);   // locked, but not listening yet or not any more
constexpr auto kStartingPause = std::chrono::milliseconds(50);

Result<Json> result_of(std::string_view line) {
  protocol::JsonLimits limits;
  limits.bytes = kMaxReplyBytes;
  limits.values = kMaxReplyBytes;
  const auto message = protocol::parse_message(line, limits);
  const auto* reply = message ? std::get_if<protocol::Reply>(&*message) : nullptr;
  if (!reply) return Error{"the server's answer cannot be read: use the causeway-server of the same version"};
  if (const auto* error = std::get_if<protocol::RpcError>(&reply->outcome)) return Error{error->message};
  return protocol::success(std::get<Json>(reply->outcome));
}

Descriptor connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return made;
}

/// None: the connection broke before a whole line came.
std::optional<std::string> ask(const Descriptor& socket, std::string request) {
  request.push_back('\n');
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(socket.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    sent += static_cast<std::size_t>(count);
  }
  std::string reply;
  std::array<char, 65536> block;
  while (reply.size() < kMaxReplyBytes) {
    pollfd waiting{socket.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kReplyMilliseconds) <= 0) return std::nullopt;
    const ssize_t count = ::read(socket.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    reply.append(block.data(), static_cast<std::size_t>(count));
    if (const auto end = reply.find('\n'); end != std::string::npos) return reply.substr(0, end);
  }
  return std::nullopt;
}

/// The same core on the same files, for one request. The lock is held by the caller.
Result<Json> call_on_files(const StateDirectory& directory, const std::string& request) {
  auto settings = directory.load_settings();
  if (!settings) return settings.error();
  auto store = directory.open_store();
  if (!store) return store.error();
  auto snapshot = (*store)->load();
  if (!snapshot) return Error{directory.path() + "/state.db: " + snapshot.error().message};
  SystemRandom random;
  ServerCore core(std::move(*settings), std::move(*snapshot), 0, random, read_clocks());
  constexpr ConnectionId kSelf{1};
  core.on_control_opened(kSelf, read_clocks());
  core.on_line(kSelf, request, read_clocks());
  std::string reply;
  while (auto action = core.poll_action()) {
    if (const auto* line = std::get_if<SendLine>(&*action)) reply = *line->line;
    auto* commit = std::get_if<Commit>(&*action);
    if (!commit) continue;
    std::promise<bool> stored;
    (*store)->commit(std::move(commit->changes),
                     [&stored](const std::optional<Error>& problem) { stored.set_value(!problem); });
    core.on_committed(commit->id, stored.get_future().get(), read_clocks());
  }
  return result_of(reply);
}

}  // namespace

Result<Json> call_admin(const StateDirectory& directory, std::string_view method, const Json& params) {
  // A directory that is none should be told as such, not as a lock that cannot be made.
  if (const auto settings = directory.load_settings(); !settings) return settings.error();
  const std::string request = protocol::make_request(kRequestId, method, params);
  const auto give_up = std::chrono::steady_clock::now() + kStartingPatience;
  while (true) {
    if (const Descriptor socket = connect_to(directory.control_socket()); socket.get() >= 0) {
      if (const auto reply = ask(socket, request)) return result_of(*reply);
      return Error{"the server ended the connection without an answer: see its log"};
    }
    const bool forbidden = errno == EACCES || errno == EPERM;
    if (forbidden)
      return Error{directory.control_socket() + ": permission denied: run this as the server's user"};
    const auto lock = directory.lock();
    if (lock) return call_on_files(directory, request);
    if (std::chrono::steady_clock::now() >= give_up) return lock.error();
    std::this_thread::sleep_for(kStartingPause);
  }
}

}  // namespace causeway::server
