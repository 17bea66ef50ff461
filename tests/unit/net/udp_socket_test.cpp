#include "net/udp_socket.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <thread>

#include "support/network_namespace.hpp"

namespace causeway::net {
namespace {

const IpAddress kLoopback4 = *IpAddress::parse("127.0.0.1");
const IpAddress kLoopback6 = *IpAddress::parse("::1");

UdpSocket open_or_die(const UdpSocketOptions& options) {
  auto opened = UdpSocket::open(options);
  if (!opened) throw std::runtime_error(opened.error().message);
  return std::move(*opened);
}

Bytes numbered(std::size_t count, std::size_t segment, std::size_t last, std::uint8_t seed) {
  Bytes bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t length = i + 1 == count ? last : segment;
    for (std::size_t k = 0; k < length; ++k)
      bytes.push_back(static_cast<std::uint8_t>(seed + i * 31 + k));
  }
  return bytes;
}

bool wait_readable(const UdpSocket& socket) {
  pollfd waiting{socket.descriptor(), POLLIN, 0};
  return ::poll(&waiting, 1, 5000) == 1;
}

/// Receives until `count` datagrams are there.
std::vector<Bytes> receive_datagrams(UdpSocket& socket, std::size_t count, Endpoint* from = nullptr) {
  std::vector<Bytes> datagrams;
  Bytes buffer(UdpSocket::kReceiveBytes);
  while (datagrams.size() < count && wait_readable(socket)) {
    const auto got = socket.receive(buffer);
    if (got.error != 0) break;
    if (from != nullptr) *from = got.from;
    for (std::size_t at = 0; at < got.bytes; at += got.segment_bytes) {
      const std::size_t length = std::min(got.segment_bytes, got.bytes - at);
      datagrams.emplace_back(buffer.begin() + static_cast<long>(at),
                             buffer.begin() + static_cast<long>(at + length));
    }
  }
  return datagrams;
}

std::vector<Bytes> split(ByteView bytes, std::size_t segment) {
  std::vector<Bytes> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += segment) {
    const ByteView piece = bytes.subspan(at, std::min(segment, bytes.size() - at));
    pieces.emplace_back(piece.begin(), piece.end());
  }
  return pieces;
}

TEST(UdpSocketEcn, MarksTravelWithTheirDatagrams) {
  for (const IpAddress& address : {kLoopback4, kLoopback6}) {
    for (const bool gso : {true, false}) {
      UdpSocket sender = open_or_die({.address = address, .use_gso = gso});
      UdpSocket receiver = open_or_die({.address = address});
      Bytes buffer(UdpSocket::kReceiveBytes);
      for (const std::uint8_t ecn : {0, 1, 2, 3}) {
        for (const std::size_t count : {1u, 5u}) {
          const Bytes bytes = numbered(count, 100, 100, ecn);
          ASSERT_EQ(sender.send(receiver.local(), bytes, 100, ecn).error, 0);
          for (std::size_t received = 0; received < bytes.size();) {
            ASSERT_TRUE(wait_readable(receiver));
            const auto got = receiver.receive(buffer);
            ASSERT_EQ(got.error, 0);
            EXPECT_EQ(got.ecn, ecn) << address.to_string() << ", " << count;
            received += got.bytes;
          }
        }
      }
    }
  }
}

struct Offloads {
  bool gso, gro;
  const char* address;
};

class UdpSocketOffloads : public testing::TestWithParam<Offloads> {
 protected:
  UdpSocketOptions options() const {
    UdpSocketOptions made;
    made.address = *IpAddress::parse(GetParam().address);
    made.use_gso = GetParam().gso;
    made.use_gro = GetParam().gro;
    return made;
  }
};

TEST_P(UdpSocketOffloads, datagrams_of_mixed_sizes_arrive_intact_and_in_order) {
  UdpSocket sender = open_or_die(options());
  UdpSocket receiver = open_or_die(options());
  EXPECT_EQ(sender.uses_gso(), GetParam().gso);
  EXPECT_EQ(receiver.uses_gro(), GetParam().gro);
  std::size_t datagrams = 0;
  for (std::size_t round = 0; datagrams < 100; ++round) {
    const std::size_t count = 1 + round * 7 % 44, segment = 1 + round * 389 % 1400;
    const Bytes sent = numbered(count, segment, 1 + segment / 2, static_cast<std::uint8_t>(round));
    const auto result = sender.send(receiver.local(), sent, segment);
    ASSERT_EQ(result.error, 0);
    ASSERT_EQ(result.segments_sent, count);
    Endpoint from;
    ASSERT_EQ(receive_datagrams(receiver, count, &from), split(sent, segment));
    EXPECT_EQ(from, sender.local());
    datagrams += count;
  }
}

TEST_P(UdpSocketOffloads, more_than_one_message_holds_goes_in_several) {
  UdpSocket sender = open_or_die(options());
  UdpSocket receiver = open_or_die(options());
  const Bytes sent = numbered(200, 1472, 100, 3);
  const auto result = sender.send(receiver.local(), sent, 1472);
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(result.segments_sent, 200u);
  EXPECT_EQ(receive_datagrams(receiver, 200), split(sent, 1472));
}

INSTANTIATE_TEST_SUITE_P(Variants, UdpSocketOffloads,
                         testing::Values(Offloads{true, true, "127.0.0.1"},
                                         Offloads{false, true, "127.0.0.1"},
                                         Offloads{true, false, "127.0.0.1"},
                                         Offloads{false, false, "127.0.0.1"}, Offloads{true, true, "::1"},
                                         Offloads{false, false, "::1"}));

TEST(UdpSocket, several_segments_come_as_one_receive) {
  UdpSocket sender = open_or_die({.address = kLoopback4});
  UdpSocket receiver = open_or_die({.address = kLoopback4});
  const Bytes sent = numbered(10, 1000, 300, 9);
  ASSERT_EQ(sender.send(receiver.local(), sent, 1000).error, 0);
  ASSERT_TRUE(wait_readable(receiver));
  Bytes buffer(UdpSocket::kReceiveBytes);
  const auto got = receiver.receive(buffer);
  EXPECT_EQ(got.bytes, sent.size());
  EXPECT_EQ(got.segment_bytes, 1000u);
}

TEST(UdpSocket, nothing_there_is_eagain) {
  UdpSocket socket = open_or_die({.address = kLoopback4});
  Bytes buffer(UdpSocket::kReceiveBytes);
  EXPECT_EQ(socket.receive(buffer).error, EAGAIN);
}

TEST(UdpSocket, an_empty_datagram_is_not_the_end) {
  UdpSocket receiver = open_or_die({.address = kLoopback4});
  UdpSocket sender = open_or_die({.address = kLoopback4});
  sockaddr_storage to{};
  const unsigned length = receiver.local().to_sockaddr(to);
  ASSERT_EQ(::sendto(sender.descriptor(), "", 0, 0, reinterpret_cast<sockaddr*>(&to), length), 0);
  ASSERT_TRUE(wait_readable(receiver));
  Bytes buffer(UdpSocket::kReceiveBytes);
  const auto got = receiver.receive(buffer);
  EXPECT_EQ(got.error, 0);
  EXPECT_EQ(got.bytes, 0u);
}

TEST(UdpSocket, a_closed_port_at_the_far_end_stops_nothing) {
  UdpSocket sender = open_or_die({.address = kLoopback4});
  Endpoint closed;
  { closed = open_or_die({.address = kLoopback4}).local(); }
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(sender.send(closed, as_bytes("anybody?"), 8).error, 0);
}

TEST(UdpSocket, a_taken_port_falls_back_to_another) {
  UdpSocket first = open_or_die({.address = kLoopback4});
  UdpSocket second = open_or_die({.address = kLoopback4, .port = first.local().port});
  EXPECT_NE(second.local().port, first.local().port);
  EXPECT_NE(second.local().port, 0);
}

TEST(UdpSocket, a_taken_port_that_is_required_is_an_error_that_says_so) {
  UdpSocket first = open_or_die({.address = kLoopback4});
  const auto second =
      UdpSocket::open({.address = kLoopback4, .port = first.local().port, .port_is_required = true});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(std::to_string(first.local().port)), std::string::npos);
  EXPECT_NE(second.error().message.find("choose another port"), std::string::npos);
}

TEST(UdpSocket, data_loops_share_a_port) {
  UdpSocket first = open_or_die({.address = kLoopback6, .reuse_port = true});
  UdpSocket second = open_or_die(
      {.address = kLoopback6, .port = first.local().port, .port_is_required = true, .reuse_port = true});
  EXPECT_EQ(first.local(), second.local());
}

TEST(UdpSocket, a_foreign_address_is_an_error) {
  const auto opened = UdpSocket::open({.address = *IpAddress::parse("203.0.113.9")});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("203.0.113.9"), std::string::npos);
}

TEST(UdpSocket, an_unknown_nic_is_an_error) {
  const auto opened = UdpSocket::open({.address = kLoopback4, .device = "nosuchnic0"});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("nosuchnic0"), std::string::npos);
}

TEST(UdpSocket, buffers_are_at_least_4_mb_for_root) {
  UdpSocket socket = open_or_die({.address = kLoopback4});
  for (const int option : {SO_RCVBUF, SO_SNDBUF}) {
    int bytes = 0;
    socklen_t length = sizeof bytes;
    ASSERT_EQ(getsockopt(socket.descriptor(), SOL_SOCKET, option, &bytes, &length), 0);
    EXPECT_GE(bytes, 4 << 20);
  }
}

/// Makes every sendmsg of the calling thread fail with `error`, for the rest of its life; sendmmsg works on.
bool refuse_sendmsg(int error) {
  std::array<sock_filter, 4> program{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(UdpSocket, a_nic_that_cannot_segment_gets_single_datagrams) {
  UdpSocket sender = open_or_die({.address = kLoopback4});
  UdpSocket receiver = open_or_die({.address = kLoopback4});
  const Bytes sent = numbered(20, 1000, 500, 5);
  UdpSocket::SendResult result;
  bool refused = false;
  std::thread([&] {
    refused = refuse_sendmsg(EIO);
    result = sender.send(receiver.local(), sent, 1000);
  }).join();
  ASSERT_TRUE(refused);
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(result.segments_sent, 20u);
  EXPECT_FALSE(sender.uses_gso());
  EXPECT_EQ(receive_datagrams(receiver, 20), split(sent, 1000));
}

TEST(UdpSocket, einval_of_an_older_kernel_is_looked_at_singly) {
  UdpSocket sender = open_or_die({.address = kLoopback4});
  UdpSocket receiver = open_or_die({.address = kLoopback4});
  const Bytes sent = numbered(20, 1000, 500, 5);
  UdpSocket::SendResult fits, too_big;
  bool refused = false;
  std::thread([&] {
    refused = refuse_sendmsg(EINVAL);
    fits = sender.send(receiver.local(), sent, 1000);
    too_big = sender.send(receiver.local(), Bytes(65600), 65550);
  }).join();
  ASSERT_TRUE(refused);
  EXPECT_EQ(fits.error, 0);
  EXPECT_EQ(fits.segments_sent, 20u);
  EXPECT_TRUE(sender.uses_gso());
  EXPECT_EQ(too_big.error, EMSGSIZE);
  EXPECT_EQ(too_big.segments_sent, 0u);
  EXPECT_EQ(receive_datagrams(receiver, 20), split(sent, 1000));
}

/// Two NICs of one veth pair, 192.0.2.1 and 192.0.2.2, the second in a namespace of its own.
class UdpSocketOnVeth : public testing::Test {
 protected:
  void SetUp() override {
    home_ = test::current_network_namespace();
    ASSERT_EQ(test::enter_new_network_namespace(), "");
    far_ = test::current_network_namespace();
    ASSERT_EQ(test::enter_new_network_namespace(), "");
    ASSERT_TRUE(test::ip("link set lo up"));
    ASSERT_TRUE(test::ip("link add eth0 type veth peer name eth0 netns /proc/" + std::to_string(getpid()) +
                         "/fd/" + std::to_string(far_.get())));
    ASSERT_TRUE(test::ip("addr add 192.0.2.1/24 dev eth0"));
    ASSERT_TRUE(test::ip("addr add 2001:db8::1/64 dev eth0 nodad"));
    ASSERT_TRUE(test::ip("link set eth0 up"));
    near_ = test::current_network_namespace();
    ASSERT_TRUE(test::enter(far_));
    ASSERT_TRUE(test::ip("addr add 192.0.2.2/24 dev eth0"));
    ASSERT_TRUE(test::ip("addr add 2001:db8::2/64 dev eth0 nodad"));
    ASSERT_TRUE(test::ip("link set eth0 up"));
    ASSERT_TRUE(test::enter(near_));
  }
  void TearDown() override {
    if (home_) test::enter(home_);
  }

  UdpSocket near_socket(const char* address = "192.0.2.1", bool gso = true) {
    return open_or_die({.address = *IpAddress::parse(address), .device = "eth0", .use_gso = gso});
  }

  FileDescriptor home_, near_, far_;
  const Endpoint far_end_{*IpAddress::parse("192.0.2.2"), 9};
};

TEST_F(UdpSocketOnVeth, a_full_batch_crosses) {
  for (const auto& [near_address, far_address, segment] :
       {std::tuple{"192.0.2.1", "192.0.2.2", 1472}, std::tuple{"2001:db8::1", "2001:db8::2", 1452}}) {
    UdpSocket sender = near_socket(near_address);
    ASSERT_TRUE(test::enter(far_));
    UdpSocket receiver = open_or_die({.address = *IpAddress::parse(far_address), .device = "eth0"});
    ASSERT_TRUE(test::enter(near_));
    const Bytes sent = numbered(100, static_cast<std::size_t>(segment), 77, 1);
    ASSERT_EQ(sender.send(receiver.local(), sent, static_cast<std::size_t>(segment)).error, 0);
    EXPECT_EQ(receive_datagrams(receiver, 100), split(sent, static_cast<std::size_t>(segment)));
  }
}

TEST_F(UdpSocketOnVeth, one_byte_over_the_mtu_is_refused_and_never_fragmented) {
  for (const bool gso : {true, false}) {
    UdpSocket sender = near_socket("192.0.2.1", gso);
    EXPECT_EQ(sender.send(far_end_, Bytes(1472), 1472).error, 0);
    EXPECT_EQ(sender.send(far_end_, Bytes(1473), 1473).error, EMSGSIZE);
    const auto batch = sender.send(far_end_, Bytes(10 * 1473), 1473);
    EXPECT_EQ(batch.error, EMSGSIZE);
    EXPECT_EQ(batch.segments_sent, 0u);
    EXPECT_EQ(sender.uses_gso(), gso) << "too big is no reason to give up segmentation";
    EXPECT_EQ(sender.send(far_end_, Bytes(70000), 70000).error, EMSGSIZE);

    UdpSocket sender6 = near_socket("2001:db8::1", gso);
    const Endpoint far6{*IpAddress::parse("2001:db8::2"), 9};
    EXPECT_EQ(sender6.send(far6, Bytes(1452), 1452).error, 0);
    EXPECT_EQ(sender6.send(far6, Bytes(3 * 1453), 1453).error, EMSGSIZE);
  }
}

TEST_F(UdpSocketOnVeth, what_the_kernel_says_when_the_way_is_gone) {
  UdpSocket sender = near_socket();
  const Bytes batch = numbered(5, 100, 100, 5);
  const Endpoint elsewhere{*IpAddress::parse("198.51.100.1"), 9};
  EXPECT_EQ(open_or_die({.address = *IpAddress::parse("192.0.2.1")}).send(elsewhere, batch, 100).error,
            ENETUNREACH);
  EXPECT_EQ(sender.send(elsewhere, batch, 100).error, 0) << "bound to a NIC: all the world is on its link";
  ASSERT_TRUE(test::ip("addr del 192.0.2.1/24 dev eth0"));
  const int address_gone = sender.send(far_end_, batch, 100).error;
  EXPECT_TRUE(address_gone == EINVAL || address_gone == ENETUNREACH) << address_gone;
  ASSERT_TRUE(test::ip("addr add 192.0.2.1/24 dev eth0"));
  EXPECT_EQ(sender.send(far_end_, batch, 100).error, 0) << "the address is back, the same socket works";
  ASSERT_TRUE(test::ip("link set eth0 down"));
  EXPECT_EQ(sender.send(far_end_, batch, 100).error, ENETUNREACH);
  ASSERT_TRUE(test::ip("link del eth0"));
  const int nic_gone = sender.send(far_end_, batch, 100).error;
  EXPECT_TRUE(nic_gone == ENODEV || nic_gone == ENETUNREACH || nic_gone == EINVAL) << nic_gone;
}

}  // namespace
}  // namespace causeway::net
