#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/udp_socket.hpp"

namespace causeway::net {
namespace {

const IpAddress kLoopback = *IpAddress::parse("127.0.0.1");

bool reuses_port(const UdpSocket& socket) {
  int value = 0;
  socklen_t length = sizeof value;
  getsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEPORT, &value, &length);
  return value != 0;
}

TEST(UdpGroup, has_one_port) {
  const auto group = UdpSocket::open_group({.address = kLoopback}, 4);
  ASSERT_TRUE(group) << group.error().message;
  ASSERT_EQ(group->size(), 4u);
  for (const UdpSocket& socket : *group)
    EXPECT_EQ(socket.local(), group->front().local());
  EXPECT_NE(group->front().local().port, 0);
}

TEST(UdpGroup, of_one_is_a_plain_socket) {
  const auto group = UdpSocket::open_group({.address = kLoopback}, 1);
  ASSERT_TRUE(group);
  ASSERT_EQ(group->size(), 1u);
  EXPECT_FALSE(reuses_port(group->front())) << "nobody may share its port";
}

TEST(UdpGroup, shares_no_port_of_somebody_else) {
  const auto other = UdpSocket::open({.address = kLoopback, .reuse_port = true}).value();
  const std::uint16_t taken = other.local().port;
  const auto group = UdpSocket::open_group({.address = kLoopback, .port = taken}, 3);
  ASSERT_TRUE(group) << group.error().message;
  EXPECT_NE(group->front().local().port, taken) << "any other port will do";
  EXPECT_EQ(group->back().local().port, group->front().local().port);

  const auto second_group =
      UdpSocket::open_group({.address = kLoopback, .port = group->front().local().port}, 2);
  ASSERT_TRUE(second_group);
  EXPECT_NE(second_group->front().local().port, group->front().local().port);

  const auto required =
      UdpSocket::open_group({.address = kLoopback, .port = taken, .port_is_required = true}, 3);
  ASSERT_FALSE(required);
  EXPECT_NE(required.error().message.find("stop the program"), std::string::npos) << required.error().message;
}

TEST(UdpGroup, leaves_its_port_to_the_next) {
  std::uint16_t port = 0;
  for (int i = 0; i < 3; ++i) {
    const auto group = UdpSocket::open_group({.address = kLoopback, .port = port}, 2);
    ASSERT_TRUE(group);
    if (port != 0) {
      EXPECT_EQ(group->front().local().port, port);
    }
    port = group->front().local().port;
  }
}

}  // namespace
}  // namespace causeway::net
