// Two data loops with fixed keys, each with a real TUN and a real UDP socket in a network namespace of its
// own, joined by one veth pair:  cw0 10.10.0.1 | eth0 192.0.2.1 ==== eth0 192.0.2.2 | cw0 10.10.0.2

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "support/data_loop_node.hpp"
#include "support/network_namespace.hpp"

namespace causeway::dataplane {
namespace {

using test::DataLoopNode;
using test::Offloads;

struct Variant {
  Offloads offloads;
  test::Format format;
};

class DataLoopPair : public testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    home_ = test::current_network_namespace();
    for (net::FileDescriptor& space : spaces_) {
      ASSERT_EQ(test::enter_new_network_namespace(), "");
      ASSERT_TRUE(test::ip("link set lo up"));
      space = test::current_network_namespace();
    }
    ASSERT_TRUE(test::ip("link add eth0 type veth peer name eth0 netns /proc/" + std::to_string(getpid()) +
                         "/fd/" + std::to_string(spaces_[0].get())));
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(test::enter(spaces_[i]));
      ASSERT_TRUE(test::ip("addr add " + DataLoopNode::real_address(i + 1).to_string() + "/24 dev eth0"));
      ASSERT_TRUE(test::ip("link set eth0 up"));
      nodes_[i] = std::make_unique<DataLoopNode>(i + 1, GetParam().offloads, GetParam().format);
    }
    nodes_[0]->connect_with(*nodes_[1]);
    nodes_[1]->connect_with(*nodes_[0]);
    // The responder may send only after it has heard the initiator.
    ASSERT_TRUE(test::enter(spaces_[0]));
    ASSERT_EQ(ping(), 0);
    ASSERT_TRUE(nodes_[1]->hears<KeypairConfirmed>());
  }
  void TearDown() override {
    nodes_ = {};
    test::enter(home_);
  }

  static int ping() { return test::run({"ping", "-q", "-c", "3", "-i", "0.1", "-W", "5", "10.10.0.2"}); }

  void expect_no_drops() {
    for (const auto& node : nodes_) {
      for (std::size_t reason = 0; reason < kDropReasons; ++reason) {
        const auto name = kDropReasonNames[reason];
        if (name == "tun_not_unicast") continue;  // the kernel's own IPv6 router solicitations and MLD
        if (name == "source_not_ours" || name == "no_such_peer") continue;  // likewise
        EXPECT_EQ(node->drops().get(static_cast<DropReason>(reason)), 0u) << name;
      }
    }
  }

  net::FileDescriptor home_;
  std::array<net::FileDescriptor, 2> spaces_;
  std::array<std::unique_ptr<DataLoopNode>, 2> nodes_;
};

/// Some content that shows a byte lost, doubled or moved.
std::uint8_t content_at(std::size_t position) {
  return static_cast<std::uint8_t>((position * 2654435761u) >> 13);
}

sockaddr_in at(const char* address, std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  inet_pton(AF_INET, address, &made.sin_addr);
  return made;
}

void expect_tcp_stream(std::size_t bytes, const net::FileDescriptor& from, const net::FileDescriptor& to,
                       const char* to_address) {
  ASSERT_TRUE(test::enter(to));
  net::FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in server = at(to_address, 9000);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_TRUE(test::enter(from));
  net::FileDescriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{20, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server), 0);
  net::FileDescriptor accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  setsockopt(accepted.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

  std::thread sender([&] {
    Bytes chunk;
    for (std::size_t sent = 0; sent < bytes;) {
      chunk.resize(std::min<std::size_t>(bytes - sent, 1 + sent * 7 % 100'000));
      for (std::size_t i = 0; i < chunk.size(); ++i)
        chunk[i] = content_at(sent + i);
      for (std::size_t at = 0; at < chunk.size();) {
        const ssize_t got = ::send(client.get(), chunk.data() + at, chunk.size() - at, MSG_NOSIGNAL);
        if (got <= 0) return;
        at += static_cast<std::size_t>(got);
      }
      sent += chunk.size();
    }
    ::shutdown(client.get(), SHUT_WR);
  });
  std::size_t received = 0, wrong = 0;
  Bytes buffer(200'000);
  for (ssize_t got; (got = ::recv(accepted.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    for (ssize_t i = 0; i < got; ++i, ++received)
      wrong += buffer[static_cast<std::size_t>(i)] != content_at(received);
  }
  sender.join();
  EXPECT_EQ(received, bytes);
  EXPECT_EQ(wrong, 0u);
}

TEST_P(DataLoopPair, tcp_passes_whole_both_ways) {
  const std::size_t bytes = GetParam().offloads.gro ? 50'000'000 : 10'000'000;
  expect_tcp_stream(bytes, spaces_[0], spaces_[1], "10.10.0.2");
  expect_tcp_stream(bytes, spaces_[1], spaces_[0], "10.10.0.1");
  EXPECT_GE(nodes_[0]->counters->tx_bytes.load(), bytes);
  EXPECT_GE(nodes_[1]->counters->rx_bytes.load(), bytes);
  expect_no_drops();
}

TEST_P(DataLoopPair, udp_of_every_size_passes) {
  ASSERT_TRUE(test::enter(spaces_[1]));
  net::FileDescriptor server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = at("10.10.0.2", 9000);
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  const timeval limit{10, 0};
  setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ASSERT_TRUE(test::enter(spaces_[0]));
  net::FileDescriptor client(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Bytes buffer(70'000);
  // From empty over the TUN's MTU (three fragments of the kernel's) in steps.
  for (std::size_t size = 0; size < 4000; size += 37) {
    Bytes content(size);
    for (std::size_t i = 0; i < size; ++i)
      content[i] = content_at(i + size);
    ASSERT_EQ(
        ::sendto(client.get(), content.data(), size, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
        static_cast<ssize_t>(size));
    const ssize_t got = ::recv(server.get(), buffer.data(), buffer.size(), 0);
    ASSERT_EQ(got, static_cast<ssize_t>(size));
    ASSERT_TRUE(std::equal(content.begin(), content.end(), buffer.begin())) << size;
  }
  expect_no_drops();
}

TEST_P(DataLoopPair, a_deleted_virtual_nic_is_noticed) {
  DataLoopNode& node = *nodes_[0];
  node.channel().take_events(1000, [](Event&&) {});
  ASSERT_TRUE(test::enter(spaces_[0]));
  ASSERT_TRUE(test::ip("link del cw0"));
  pollfd waiting{node.channel().descriptor(), POLLIN, 0};
  while (!node.loop().tun_is_gone()) {
    ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
    node.channel().take_events(1000, [](Event&&) {});
  }
}

TEST_P(DataLoopPair, a_deleted_real_nic_fails_the_path_and_nothing_else) {
  ASSERT_TRUE(test::enter(spaces_[0]));
  ASSERT_TRUE(test::ip("link del eth0"));
  EXPECT_NE(test::run({"ping", "-q", "-c", "1", "-W", "1", "10.10.0.2"}), 0);
  EXPECT_TRUE(nodes_[0]->hears<PathFailed>());
  nodes_[0]->loop().stop();
}

constexpr auto kAes = crypto::AeadAlgorithm::aes_256_gcm;
constexpr tun::TunOffloads kTun{true, true, true};

INSTANTIATE_TEST_SUITE_P(Variants, DataLoopPair,
                         testing::Values(Variant{}, Variant{{kTun, false, false}, {}},
                                         Variant{{{}, true, true}, {}}, Variant{{{}, false, false}, {}},
                                         Variant{{}, kAes}, Variant{{{}, false, false}, kAes}),
                         [](const auto& variant) {
                           const Offloads& offloads = variant.param.offloads;
                           return std::string(offloads.tun.tso ? "tun" : "plain_tun") +
                                  (offloads.gro ? "_udp" : "_plain_udp") +
                                  (variant.param.format ? "_compact" : "");
                         });

}  // namespace
}  // namespace causeway::dataplane
