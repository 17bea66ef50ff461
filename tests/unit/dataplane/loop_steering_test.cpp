#include "dataplane/loop_steering.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <vector>

#include "net/udp_socket.hpp"
#include "session/index_allocator.hpp"

namespace causeway::dataplane {
namespace {

using net::UdpSocket;

Bytes data_message(std::uint32_t index, std::size_t bytes = 32) {
  Bytes message(bytes, 0xee);
  const Bytes header{4,
                     0,
                     0,
                     0,
                     static_cast<std::uint8_t>(index),
                     static_cast<std::uint8_t>(index >> 8),
                     static_cast<std::uint8_t>(index >> 16),
                     static_cast<std::uint8_t>(index >> 24)};
  std::copy_n(header.begin(), std::min(bytes, header.size()), message.begin());
  return message;
}

Bytes compact_message(std::uint32_t index, std::size_t bytes = 24) {
  Bytes message(bytes, 0xee);
  const Bytes header{0x80, static_cast<std::uint8_t>(index), static_cast<std::uint8_t>(index >> 8),
                     static_cast<std::uint8_t>(index >> 16)};
  std::copy_n(header.begin(), std::min(bytes, header.size()), message.begin());
  return message;
}

/// A reuse-port group on loopback as the daemon opens it, one socket for each loop, and somebody who sends.
class LoopSteering : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override { open("127.0.0.1"); }

  void open(const char* address) {
    auto group = UdpSocket::open_group({.address = *net::IpAddress::parse(address)}, loops());
    ASSERT_TRUE(group) << group.error().message;
    group_ = std::move(*group);
    const auto steered = steer_by_receiver_index(group_.front().descriptor(), loops());
    ASSERT_TRUE(steered) << steered.error().message;
    sender_.clear();
    sender_.push_back(UdpSocket::open({.address = *net::IpAddress::parse(address)}).value());
  }
  unsigned loops() const { return GetParam(); }

  /// Which socket a datagram arrives at; from a new port each time, so that no hash of addresses can be right
  /// by chance.
  unsigned arrives_at(const Bytes& datagram) {
    auto sender = UdpSocket::open({.address = sender_.front().local().address}).value();
    EXPECT_EQ(sender.send(group_.front().local(), datagram, datagram.size()).error, 0);
    std::vector<pollfd> waiting;
    for (const UdpSocket& socket : group_)
      waiting.push_back({socket.descriptor(), POLLIN, 0});
    EXPECT_EQ(::poll(waiting.data(), waiting.size(), 5000), 1);
    unsigned at = 0;
    while (at < loops() && (waiting[at].revents & POLLIN) == 0)
      ++at;
    if (at == loops()) return at;
    Bytes buffer(UdpSocket::kReceiveBytes);
    const auto got = group_[at].receive(buffer);
    EXPECT_EQ(Bytes(buffer.begin(), buffer.begin() + static_cast<long>(got.bytes)), datagram);
    return at;
  }

  std::vector<UdpSocket> group_, sender_;
};

TEST_P(LoopSteering, data_of_a_session_arrives_at_its_loop) {
  const std::uint32_t numbers = session::loop_mask(loops()) + 1;
  for (std::uint32_t low = 0; low < numbers; ++low) {
    const unsigned loop = low < loops() ? low : 0;
    for (const std::uint32_t high : {0x00000000u, 0xabcd1240u, 0xffffffc0u, 0x00ff0000u}) {
      EXPECT_EQ(arrives_at(data_message(high | low)), loop) << high << " " << low;
      EXPECT_EQ(arrives_at(compact_message(high | low)), loop) << high << " " << low;
    }
    EXPECT_EQ(arrives_at(data_message(low, 1400)), loop);
    EXPECT_EQ(arrives_at(compact_message(low, 1400)), loop);
  }
}

TEST_P(LoopSteering, over_ipv6_too) {
  open("::1");
  const unsigned last = loops() - 1;
  EXPECT_EQ(arrives_at(data_message(last)), last);
  EXPECT_EQ(arrives_at(compact_message(last)), last);
  EXPECT_EQ(arrives_at(Bytes(40, 0x01)), 0u);
}

TEST_P(LoopSteering, everything_else_arrives_at_loop_0) {
  const std::uint32_t last = loops() - 1;
  const auto with_first = [&](std::initializer_list<std::uint8_t> first) {
    Bytes bytes = data_message(last, 148);
    std::copy(first.begin(), first.end(), bytes.begin());
    return bytes;
  };
  Bytes stun = with_first({0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42});
  EXPECT_EQ(arrives_at(stun), 0u) << "STUN";
  for (const std::uint8_t type : {1, 2, 3})
    EXPECT_EQ(arrives_at(with_first({type, 0, 0, 0})), 0u) << "handshake " << int{type};
  EXPECT_EQ(arrives_at(with_first({4, 0, 0, 1})), 0u) << "no type 4: its reserved bytes are not zero";
  EXPECT_EQ(arrives_at(with_first({0x40, 0, 0, 8})), 0u) << "ChannelData";
  EXPECT_EQ(arrives_at(with_first({0x7f, 0xff, 0xff, 0xff})), 0u);
}

TEST_P(LoopSteering, what_is_too_short_arrives_at_loop_0) {
  const std::uint32_t last = loops() - 1;
  for (std::size_t bytes = 1; bytes < 32; ++bytes)
    EXPECT_EQ(arrives_at(data_message(last, bytes)), 0u) << bytes;
  for (std::size_t bytes = 1; bytes < 8; ++bytes)
    EXPECT_EQ(arrives_at(compact_message(last, bytes)), 0u) << bytes;
  EXPECT_EQ(arrives_at(compact_message(last, 8)), last);
  EXPECT_EQ(arrives_at(data_message(last, 32)), last);
}

TEST_P(LoopSteering, other_low_bits_of_a_first_compact_byte_change_nothing) {
  Bytes bytes = compact_message(loops() - 1);
  for (const std::uint8_t first : {0x81, 0xc0, 0xff}) {
    bytes[0] = first;
    EXPECT_EQ(arrives_at(bytes), loops() - 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, LoopSteering, testing::Values(2u, 3u, 4u, 5u, 64u),
                         [](const auto& chosen) { return std::to_string(chosen.param); });

TEST(LoopSteering, needs_a_group) {
  auto alone = UdpSocket::open({.address = *net::IpAddress::parse("127.0.0.1")}).value();
  const auto steered = steer_by_receiver_index(alone.descriptor(), 2);
  ASSERT_FALSE(steered);
  EXPECT_NE(steered.error().message.find("steers datagrams"), std::string::npos);
}

}  // namespace
}  // namespace causeway::dataplane
