#include "net/netlink.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <random>

#include "support/network_namespace.hpp"

namespace causeway::net {
namespace {

struct Attribute {
  std::uint16_t type;
  Bytes value;
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

std::vector<Attribute> attributes_of(ByteView bytes) {
  std::vector<Attribute> seen;
  for_each_attribute(bytes, [&](std::uint16_t type, ByteView value) {
    seen.push_back({type, Bytes(value.begin(), value.end())});
  });
  return seen;
}

TEST(Netlink, a_request_is_header_fixed_part_and_padded_attributes) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE, ifinfomsg{});
  request.add_u32(IFLA_MTU, 1420);
  request.add_text(IFLA_IFNAME, "cw0");
  const std::size_t nested = request.begin_nested(IFLA_LINKINFO);
  request.add(IFLA_INFO_KIND, as_bytes("veth!"));
  request.end_nested(nested);
  const ByteView message = request.finish(7);

  nlmsghdr header;
  ASSERT_GE(message.size(), sizeof header);
  std::memcpy(&header, message.data(), sizeof header);
  EXPECT_EQ(header.nlmsg_len, message.size());
  EXPECT_EQ(header.nlmsg_type, RTM_NEWLINK);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
  EXPECT_EQ(header.nlmsg_seq, 7u);
  const auto seen = attributes_of(message.subspan(sizeof header + sizeof(ifinfomsg)));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].value.size(), 4u);
  EXPECT_EQ(seen[1], (Attribute{IFLA_IFNAME, {'c', 'w', '0', 0}}));
  EXPECT_EQ(seen[2].type, IFLA_LINKINFO);
  EXPECT_EQ(attributes_of(seen[2].value),
            (std::vector{Attribute{IFLA_INFO_KIND, {'v', 'e', 't', 'h', '!'}}}));
}

TEST(Netlink, attributes_whose_length_lies_end_the_visit) {
  const Bytes good{6, 0, 1, 0, 'a', 'b', 0, 0};
  EXPECT_EQ(attributes_of(good), (std::vector{Attribute{1, {'a', 'b'}}}));
  for (const std::uint8_t length : {0, 3, 9, 255}) {
    Bytes bad = good;
    bad[0] = length;
    EXPECT_TRUE(attributes_of(bad).empty()) << int{length};
  }
  Bytes second_lies = good;
  second_lies.insert(second_lies.end(), {200, 0, 2, 0, 'c'});
  EXPECT_EQ(attributes_of(second_lies).size(), 1u);
  EXPECT_EQ(attributes_of(ByteView(good).first(6)).size(), 1u) << "the last one need not be padded";
  EXPECT_TRUE(attributes_of(ByteView(good).first(3)).empty());
}

TEST(Netlink, messages_whose_length_lies_end_the_visit) {
  NetlinkRequest first(RTM_NEWLINK, 0, ifinfomsg{}), second(RTM_NEWADDR, 0, ifaddrmsg{});
  Bytes datagram;
  for (NetlinkRequest* request : {&first, &second}) {
    const ByteView message = request->finish(1);
    datagram.insert(datagram.end(), message.begin(), message.end());
  }
  const auto types_of = [](ByteView bytes) {
    std::vector<std::uint16_t> types;
    for_each_message(bytes, [&](const nlmsghdr& header, ByteView) {
      types.push_back(header.nlmsg_type);
      return true;
    });
    return types;
  };
  EXPECT_EQ(types_of(datagram), (std::vector<std::uint16_t>{RTM_NEWLINK, RTM_NEWADDR}));
  EXPECT_EQ(types_of(ByteView(datagram).first(datagram.size() - 1)),
            (std::vector<std::uint16_t>{RTM_NEWLINK}));
  for (const std::uint8_t length : {0, 15, 255}) {
    datagram[0] = length;
    EXPECT_TRUE(types_of(datagram).empty()) << int{length};
  }
}

TEST(Netlink, random_bytes_are_survived) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(random() % 64);
    for (auto& byte : bytes)
      byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 12);
    std::size_t total = 0;
    for_each_attribute(bytes, [&](std::uint16_t, ByteView value) { total += value.size() + 4; });
    EXPECT_LE(total, bytes.size());
  }
}

TEST(Netlink, the_kernels_refusal_is_an_errno) {
  const FileDescriptor home = test::current_network_namespace();
  ASSERT_EQ(test::enter_new_network_namespace(), "");
  auto socket = NetlinkSocket::open();
  ASSERT_TRUE(socket);
  ifinfomsg nowhere{};
  nowhere.ifi_index = 4711;
  NetlinkRequest request(RTM_NEWLINK, 0, nowhere);
  EXPECT_EQ(socket->transact(request), ENODEV);
  EXPECT_EQ(socket->transact(request), ENODEV) << "a request may be sent again";
  NetlinkRequest unknown(4000, 0, nowhere);
  EXPECT_EQ(socket->transact(unknown), EOPNOTSUPP);
  int links = 0;
  NetlinkRequest list(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  EXPECT_EQ(socket->list(list, [&](std::uint16_t type, ByteView) { links += type == RTM_NEWLINK; }), 0);
  EXPECT_GE(links, 1);
  test::enter(home);
}

}  // namespace
}  // namespace causeway::net
