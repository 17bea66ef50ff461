#include "daemon/control_socket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <fstream>

#include "net/file_descriptor.hpp"

namespace causeway::daemon {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

net::FileDescriptor connect_to(const std::filesystem::path& path) {
  net::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    socket.reset();
  return socket;
}

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() {
    char name[] = "/tmp/causeway-ctl-XXXXXX";
    base = ::mkdtemp(name);
    path = base / "causeway.sock";
    handler.read_only_methods = {"status", "slow"};
    handler.changing_methods = {"leave"};
    handler.call = [this](const std::string& method, const Json& params, const PeerCredentials& caller,
                          ControlSocket::Completion done, ControlSocket::Progress progress) {
      callers.push_back(caller);
      if (method == "slow") {
        pending.emplace_back(std::move(done), std::move(progress));
      } else if (params.contains("throw")) {
        params["throw"].get<int>();
        done(Result<Json>(boost::system::in_place_value, Json::object()));
      } else if (params.contains("fail")) {
        done(Error{"it failed: try again"});
      } else {
        Json answer{{"method", method}};
        if (params.contains("size")) answer["text"] = std::string(params["size"].get<std::size_t>(), 'x');
        done(Result<Json>(boost::system::in_place_value, std::move(answer)));
      }
    };
  }
  ~ControlSocketTest() override {
    socket.reset();
    context.poll();
    std::filesystem::remove_all(base);
  }

  void open(ControlSocket::Limits limits = {}) {
    auto opened = ControlSocket::open(context, path, handler, limits);
    ASSERT_TRUE(opened) << opened.error().message;
    socket = std::move(*opened);
  }
  /// Runs the server until `until` holds, at most 5 s.
  bool run(const std::function<bool()>& until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!until()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  void send(const net::FileDescriptor& client, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) {
        text.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        context.restart();
        context.run_one_for(std::chrono::milliseconds(20));
      } else {
        return;
      }
    }
  }
  /// The next line, or "closed".
  std::string receive(const net::FileDescriptor& client) {
    std::string& buffer = buffers[client.get()];
    std::string line = "(nothing within 5 s)";
    run([&] {
      char block[65536];
      for (;;) {
        if (const auto end = buffer.find('\n'); end != std::string::npos) {
          line = buffer.substr(0, end);
          buffer.erase(0, end + 1);
          return true;
        }
        const ssize_t got = ::recv(client.get(), block, sizeof block, MSG_DONTWAIT);
        if (got > 0) {
          buffer.append(block, static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EAGAIN) {
          line = "closed";
          return true;
        } else {
          return false;
        }
      }
    });
    return line;
  }
  Json call(const net::FileDescriptor& client, const char* method, const Json& params = Json::object()) {
    send(client, Json{{"jsonrpc", "2.0"}, {"id", 7}, {"method", method}, {"params", params}}.dump() + "\n");
    return Json::parse(receive(client), nullptr, false);
  }

  boost::asio::io_context context;
  std::filesystem::path base, path;
  ControlSocket::Handler handler;
  std::unique_ptr<ControlSocket> socket;
  std::vector<PeerCredentials> callers;
  std::vector<std::pair<ControlSocket::Completion, ControlSocket::Progress>> pending;
  std::map<int, std::string> buffers;
};

TEST_F(ControlSocketTest, AnswersAndTellsWhoCalls) {
  open();
  struct stat status {};
  ASSERT_EQ(::lstat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  const auto client = connect_to(path);
  EXPECT_EQ(call(client, "status")["result"]["method"], "status");
  EXPECT_EQ(call(client, "leave")["result"]["method"], "leave");
  ASSERT_EQ(callers.size(), 2u);
  EXPECT_EQ(callers[0].uid, ::geteuid());
  EXPECT_EQ(callers[0].pid, ::getpid());
}

TEST_F(ControlSocketTest, ErrorsOfTheHandlerReachTheClient) {
  open();
  const auto client = connect_to(path);
  EXPECT_EQ(call(client, "status", {{"fail", true}})["error"]["message"], "it failed: try again");
  EXPECT_THAT(call(client, "nonsense")["error"]["message"].get<std::string>(),
              HasSubstr("does not know the command nonsense"));
  EXPECT_EQ(callers.size(), 1u) << "unknown methods do not reach the handler";
}

TEST_F(ControlSocketTest, AnExceptionOfAMethodIsItsAnswer) {
  open();
  const auto client = connect_to(path);
  send(client, R"({"jsonrpc":"2.0","id":7,"method":"status","params":{"throw":"a word"}})"
               "\n"
               R"({"jsonrpc":"2.0","id":8,"method":"status"})"
               "\n");
  EXPECT_THAT(receive(client), HasSubstr("status failed in the daemon"));
  EXPECT_THAT(receive(client), HasSubstr(R"("id":8)"));
}

TEST_F(ControlSocketTest, GarbageIsAnsweredAndTheConnectionGoesOn) {
  open();
  const auto client = connect_to(path);
  send(client, "not json\n[]\n{\"jsonrpc\":\"2.0\",\"method\":\"status\"}\n");
  EXPECT_THAT(receive(client), HasSubstr("-32700"));
  EXPECT_THAT(receive(client), HasSubstr("-32600"));
  EXPECT_EQ(call(client, "status")["id"], 7);
}

TEST_F(ControlSocketTest, ChangingCallsNeedOurUid) {
  if (::geteuid() != 0) GTEST_FAIL() << "this test needs root, to become somebody else";
  open();
  ASSERT_EQ(::chmod(base.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(9);
    const auto client = connect_to(path);
    const std::string requests =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"leave\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":"
        "\"status\"}\n";
    if (::send(client.get(), requests.data(), requests.size(), MSG_NOSIGNAL) < 0) ::_exit(8);
    std::string answers;
    char block[4096];
    while (std::count(answers.begin(), answers.end(), '\n') < 2) {
      const ssize_t got = ::recv(client.get(), block, sizeof block, 0);
      if (got <= 0) ::_exit(7);
      answers.append(block, static_cast<std::size_t>(got));
    }
    const bool refused = answers.find("only root or the daemon's user") != std::string::npos;
    const bool answered = answers.find("\"method\":\"status\"") != std::string::npos;
    ::_exit(refused && answered ? 0 : 1);
  }
  int status = -1;
  ASSERT_TRUE(run([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ASSERT_EQ(callers.size(), 1u);
  EXPECT_EQ(callers[0].uid, 65534u);
}

TEST_F(ControlSocketTest, AGroupGetsTheSocketAndTheWayToIt) {
  if (::geteuid() != 0) GTEST_FAIL() << "this test needs root, to give a file to a group";
  const auto refused = ControlSocket::open(context, path, handler, {.group = "no-such-group"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "there is no group no-such-group: create it (groupadd no-such-group) or change control_group");
  open({.group = "nogroup"});
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660U);
  EXPECT_NE(status.st_gid, 0U);
  ASSERT_EQ(::stat(base.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0710U);
}

TEST_F(ControlSocketTest, LongCallsReportProgressAndAnswerLater) {
  open();
  const auto client = connect_to(path);
  send(client,
       "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"slow\"}\n{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":"
       "\"status\"}\n");
  EXPECT_EQ(Json::parse(receive(client))["id"], 4) << "others need not wait";
  ASSERT_EQ(pending.size(), 1u);
  pending[0].second({{"seq", 1}});
  const Json progress = Json::parse(receive(client));
  EXPECT_EQ(progress["method"], "progress");
  EXPECT_EQ(progress["params"], (Json{{"id", 3}, {"seq", 1}}));
  pending[0].first(Result<Json>(boost::system::in_place_value, Json("done")));
  pending[0].first(Error{"a second answer is ignored"});
  pending[0].second({{"seq", 2}});
  EXPECT_EQ(Json::parse(receive(client))["result"], "done");
  EXPECT_EQ(call(client, "status")["id"], 7);
}

TEST_F(ControlSocketTest, AnswersAfterTheEndOfTheClientOrSocketAreHarmless) {
  open();
  auto client = connect_to(path);
  send(client, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"slow\"}\n");
  ASSERT_TRUE(run([&] { return pending.size() == 1; }));
  client.reset();
  pending[0].first(Error{"too late"});
  ASSERT_TRUE(run([&] { return socket->connections() == 0; }));
  client = connect_to(path);
  send(client, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"slow\"}\n");
  ASSERT_TRUE(run([&] { return pending.size() == 2; }));
  socket.reset();
  pending[1].second({});
  pending[1].first(Error{"too late"});
  EXPECT_FALSE(std::filesystem::exists(path)) << "removed at the end";
}

TEST_F(ControlSocketTest, AnswersStillReachAClientThatSendsNoMore) {
  open();
  const auto client = connect_to(path);
  send(client, "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"slow\"}\n");
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  ASSERT_TRUE(run([&] { return pending.size() == 1; }));
  context.poll();
  pending[0].first(Result<Json>(boost::system::in_place_value, Json("done")));
  EXPECT_EQ(Json::parse(receive(client))["result"], "done");
  EXPECT_EQ(receive(client), "closed");
}

TEST_F(ControlSocketTest, ConnectionsAreBounded) {
  open({.connections = 2});
  const auto first = connect_to(path), second = connect_to(path);
  EXPECT_EQ(call(first, "status")["id"], 7);
  EXPECT_EQ(call(second, "status")["id"], 7);
  const auto third = connect_to(path);
  EXPECT_EQ(receive(third), "closed");
  EXPECT_EQ(call(first, "status")["id"], 7);
}

TEST_F(ControlSocketTest, ALineWithoutEndDropsTheClient) {
  open();
  const auto client = connect_to(path);
  send(client, std::string(200'000, 'x'));
  EXPECT_EQ(receive(client), "closed");
  EXPECT_EQ(call(connect_to(path), "status")["id"], 7);
}

TEST_F(ControlSocketTest, AClientThatDoesNotReadIsDropped) {
  open({.queued_bytes = 4 * 1024 * 1024});
  const auto client = connect_to(path);
  const std::string request =
      Json{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "status"}, {"params", {{"size", 500'000}}}}.dump() +
      "\n";
  for (int i = 0; i < 30; ++i)
    send(client, request);
  EXPECT_TRUE(run([&] { return socket->connections() == 0; }));
}

TEST_F(ControlSocketTest, AStaleSocketIsReplacedAndALiveOneIsNot) {
  {
    const net::FileDescriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  open();
  const auto second = ControlSocket::open(context, path, handler);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another daemon answers"));
  EXPECT_EQ(call(connect_to(path), "status")["id"], 7);
}

TEST_F(ControlSocketTest, AFileInTheWayIsNotRemoved) {
  std::ofstream(path) << "x";
  const auto opened = ControlSocket::open(context, path, handler);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("in the way"));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_THAT(ControlSocket::open(context, base / std::string(200, 'x'), handler).error().message,
              HasSubstr("too long"));
}

}  // namespace
}  // namespace causeway::daemon
