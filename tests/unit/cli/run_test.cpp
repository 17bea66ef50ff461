#include "cli/src/run.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>
#include <vector>

namespace causeway::cli {
namespace {

/// A daemon that answers one request with the given bytes.
class Run : public testing::Test {
 protected:
  Run() {
    char name[] = "/tmp/causeway-cli-XXXXXX";
    dir = ::mkdtemp(name);
  }
  ~Run() override {
    if (thread.joinable()) thread.join();
    std::filesystem::remove_all(dir);
  }
  void serve(std::string answer) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir / "causeway.sock";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    thread = std::thread([this, listener, answer = std::move(answer)] {
      pollfd waiting{listener, POLLIN, 0};
      if (::poll(&waiting, 1, 10'000) == 1) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        char c = 0;
        while (::recv(client, &c, 1, 0) == 1 && c != '\n')
          request += c;
        ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        ::close(client);
      }
      ::close(listener);
    });
  }
  int run(std::vector<const char*> words) {
    const std::string directory = dir.string();
    std::vector<const char*> all{"causeway", "--dir", directory.c_str()};
    all.insert(all.end(), words.begin(), words.end());
    const int code = cli::run(static_cast<int>(all.size()), all.data(), out, err);
    if (thread.joinable()) thread.join();
    return code;
  }

  std::filesystem::path dir;
  std::thread thread;
  std::string request;
  std::ostringstream out, err;
};

TEST_F(Run, WithoutADaemonSaysHowToStartOne) {
  EXPECT_EQ(run({"status"}), 1);
  EXPECT_EQ(out.str(), "");
  EXPECT_EQ(err.str(), "error: no daemon answers at " + dir.string() +
                           "/causeway.sock: start it with causewayd --dir " + dir.string() + "\n");
}

TEST_F(Run, PrintsTheDaemonsJsonAsItIs) {
  serve("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[{\"b\":1,\"a\":null}]}\n");
  EXPECT_EQ(run({"peers", "--json"}), 0);
  EXPECT_EQ(out.str(), "[\n  {\n    \"a\": null,\n    \"b\": 1\n  }\n]\n");
  EXPECT_EQ(request, R"({"id":1,"jsonrpc":"2.0","method":"peers","params":{}})");
}

TEST_F(Run, PrintsAnErrorOfTheDaemonOnOneLine) {
  serve(
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"no peer is named x\\nsecond\"}}\n");
  EXPECT_EQ(run({"explain", "x"}), 1);
  EXPECT_EQ(err.str(), "error: no peer is named x?second\n");
}

TEST_F(Run, ShowsProgressAndFailsWhenNothingCameBack) {
  serve(
      "{\"jsonrpc\":\"2.0\",\"method\":\"progress\",\"params\":{\"id\":1,\"seq\":1,\"rtt_ms\":null}}\n"
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"peer\":\"n2\",\"sent\":1,\"received\":0,\"rtt_ms\":{}}}"
      "\n");
  EXPECT_EQ(run({"ping", "n2", "-c", "1"}), 1);
  EXPECT_EQ(out.str(), "1: no reply\nn2: 1 sent, 0 received, rtt min/avg/max - / - / -, connected after -\n");
  EXPECT_TRUE(err.str().starts_with("error: ")) << err.str();
}

TEST_F(Run, ADaemonThatEndsOrTalksGarbageIsTold) {
  serve("");
  EXPECT_EQ(run({"status"}), 1);
  EXPECT_NE(err.str().find("ended the connection"), std::string::npos);
  std::filesystem::remove(dir / "causeway.sock");
  serve("garbage\n");
  EXPECT_EQ(run({"status"}), 1);
  EXPECT_NE(err.str().find("cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace causeway::cli
