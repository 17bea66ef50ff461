#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <map>
#include <vector>

#include "support/network_namespace.hpp"
#include "support/packet_builder.hpp"
#include "tun/interface_config.hpp"
#include "tun/tun_linux.hpp"

namespace causeway::tun {
namespace {

using Status = TunDevice::ReadResult::Status;
using Queues = std::vector<std::unique_ptr<LinuxTun>>;

constexpr std::uint16_t kFarPort = 5000;

/// A TUN with three queues in a namespace of its own: 10.10.0.101.
class TunQueues : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = test::current_network_namespace();
    ASSERT_EQ(test::enter_new_network_namespace(), "");
    auto first = LinuxTun::open({.name = "cw0", .several_queues = true});
    ASSERT_TRUE(first) << first.error().message;
    queues_.push_back(std::move(*first));
    while (queues_.size() < 3) {
      auto another = queues_.front()->add_queue();
      ASSERT_TRUE(another) << another.error().message;
      queues_.push_back(std::move(*another));
    }
    auto config = InterfaceConfig::open("cw0");
    config->add_address(*net::IpAddress::parse("10.10.0.101"), 24).value();
    config->set_up(true).value();
    sender_.reset(::socket(AF_INET, SOCK_DGRAM, 0));
    sockaddr_in own{};
    own.sin_family = AF_INET;
    inet_pton(AF_INET, "10.10.0.101", &own.sin_addr);
    socklen_t length = sizeof own;
    ASSERT_EQ(::bind(sender_.get(), reinterpret_cast<sockaddr*>(&own), length), 0);
    ASSERT_EQ(::getsockname(sender_.get(), reinterpret_cast<sockaddr*>(&own), &length), 0);
    own_port_ = ntohs(own.sin_port);
  }
  void TearDown() override { test::enter(home_); }

  void send_to(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, "10.10.0.102", &to.sin_addr);
    ASSERT_EQ(::sendto(sender_.get(), "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 5);
  }
  /// The next UDP datagram on any queue: the queue's number and the port it goes to.
  std::pair<std::size_t, std::uint16_t> read_any() {
    Bytes buffer(kMaxFrameBytes);
    for (;;) {
      for (std::size_t at = 0; at < queues_.size(); ++at) {
        const auto got = queues_[at]->read(buffer);
        if (got.status == Status::frame && buffer[0] == 0x45 && buffer[9] == IPPROTO_UDP)
          return {at, static_cast<std::uint16_t>(buffer[22] << 8 | buffer[23])};
      }
      std::vector<pollfd> waiting;
      for (const auto& queue : queues_)
        waiting.push_back({queue->descriptor(), POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), 5000) < 1) return {queues_.size(), std::uint16_t{0}};
    }
  }

  net::FileDescriptor home_;
  Queues queues_;
  net::FileDescriptor sender_;
  std::uint16_t own_port_ = 0;
};

TEST_F(TunQueues, share_the_flows_and_keep_each_on_one) {
  std::map<std::uint16_t, std::size_t> queue_of;
  std::map<std::size_t, int> flows;
  for (int round = 0; round < 2; ++round) {
    for (std::uint16_t port = 1; port <= 64; ++port) {
      send_to(port);
      const auto [queue, seen] = read_any();
      ASSERT_LT(queue, queues_.size());
      ASSERT_EQ(seen, port);
      if (round == 0) {
        queue_of[port] = queue;
        ++flows[queue];
      } else {
        EXPECT_EQ(queue_of[port], queue);
      }
    }
  }
  EXPECT_EQ(flows.size(), queues_.size());
}

TEST_F(TunQueues, a_flow_moves_to_the_queue_that_writes_its_answers) {
  for (std::size_t queue = 0; queue < queues_.size(); ++queue) {
    ASSERT_EQ(queues_[queue]->write({}, causeway::testing::build({.source = "10.10.0.102",
                                                                  .destination = "10.10.0.101",
                                                                  .tcp = false,
                                                                  .source_port = kFarPort,
                                                                  .destination_port = own_port_,
                                                                  .payload = Bytes(5, 'x')})),
              0);
    send_to(kFarPort);
    EXPECT_EQ(read_any(), std::pair(queue, kFarPort));
  }
}

TEST_F(TunQueues, have_one_name_and_the_same_offloads) {
  for (const auto& queue : queues_) {
    EXPECT_EQ(queue->name(), "cw0");
    EXPECT_TRUE(queue->offloads().checksum && queue->offloads().tso);
  }
}

TEST_F(TunQueues, keep_the_nic_until_the_last_one_goes) {
  queues_.erase(queues_.begin());
  EXPECT_NE(if_nametoindex("cw0"), 0u);
  queues_.clear();
  EXPECT_EQ(if_nametoindex("cw0"), 0u);
}

TEST_F(TunQueues, a_nic_of_one_queue_takes_no_other) {
  const auto single = LinuxTun::open({.name = "cw1"});
  ASSERT_TRUE(single);
  const auto another = (*single)->add_queue();
  ASSERT_FALSE(another);
  EXPECT_NE(another.error().message.find("queue of the virtual NIC cw1"), std::string::npos);
}

}  // namespace
}  // namespace causeway::tun
