#include "tun/tun_linux.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "support/network_namespace.hpp"
#include "tun/interface_config.hpp"

namespace causeway::tun {
namespace {

using Status = TunDevice::ReadResult::Status;

std::uint16_t word(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

/// RFC 1071, complemented.
std::uint16_t checksum(ByteView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xffff)
    sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

class LinuxTunTest : public testing::Test {
 protected:
  void SetUp() override {
    home_ = test::current_network_namespace();
    ASSERT_EQ(test::enter_new_network_namespace(), "");
  }
  void TearDown() override { test::enter(home_); }

  std::unique_ptr<LinuxTun> open_up(TunOffloads wanted = {true, true, true}) {
    auto opened = LinuxTun::open({"cw0", wanted});
    if (!opened) throw std::runtime_error(opened.error().message);
    auto config = InterfaceConfig::open("cw0");
    config->set_mtu(1400).value();
    config->add_address(*net::IpAddress::parse("10.10.0.101"), 24).value();
    config->set_up(true).value();
    return std::move(*opened);
  }

  /// The next frame for which `wanted` is true; others (router solicitations, MLD) are passed over.
  template <class Wanted>
  TunDevice::ReadResult read_until(TunDevice& tun, Bytes& buffer, Wanted&& wanted) {
    buffer.resize(kMaxFrameBytes);
    for (;;) {
      const auto got = tun.read(buffer);
      if (got.status == Status::closed) return got;
      if (got.status == Status::frame && wanted(ByteView(buffer).first(got.bytes))) return got;
      if (got.status == Status::frame) continue;
      pollfd waiting{tun.descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, 5000) != 1) return got;
    }
  }

  net::FileDescriptor home_;
};

bool is_ipv4_of(ByteView packet, std::uint8_t protocol) {
  return packet.size() >= 20 && packet[0] == 0x45 && packet[9] == protocol;
}

TEST_F(LinuxTunTest, opens_with_every_offload_of_this_kernel) {
  const auto tun = open_up();
  EXPECT_EQ(tun->name(), "cw0");
  EXPECT_TRUE(tun->offloads().checksum);
  EXPECT_TRUE(tun->offloads().tso);
  Bytes buffer(kMaxFrameBytes);
  TunDevice::ReadResult got;
  do {
    got = tun->read(buffer);
  } while (got.status == Status::frame);
  EXPECT_EQ(got.status, Status::empty);
}

TEST_F(LinuxTunTest, asks_only_for_the_offloads_that_are_wanted) {
  const auto plain = LinuxTun::open({"cw1", {}});
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_FALSE((*plain)->offloads().checksum || (*plain)->offloads().tso || (*plain)->offloads().uso);
  const auto no_uso = LinuxTun::open({"cw2", {true, true, false}});
  EXPECT_TRUE((*no_uso)->offloads().tso);
  EXPECT_FALSE((*no_uso)->offloads().uso);
  const auto no_checksum = LinuxTun::open({"cw3", {false, true, true}});
  EXPECT_FALSE((*no_checksum)->offloads().tso) << "segmentation needs partial checksums";
}

TEST_F(LinuxTunTest, the_kernel_chooses_a_name) {
  const auto tun = LinuxTun::open({.name = ""});
  ASSERT_TRUE(tun);
  EXPECT_FALSE((*tun)->name().empty());
  EXPECT_NE(if_nametoindex((*tun)->name().c_str()), 0u);
}

TEST_F(LinuxTunTest, names_that_are_taken_or_impossible_say_what_to_do) {
  const auto first = open_up();
  for (const char* name : {"cw0", "lo"}) {
    const auto second = LinuxTun::open({.name = name});
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("--tun"), std::string::npos) << second.error().message;
  }
  EXPECT_FALSE(LinuxTun::open({.name = "a-name-of-sixteen"}));
  const auto slash = LinuxTun::open({.name = "a/b"});
  ASSERT_FALSE(slash);
  EXPECT_NE(slash.error().message.find("--tun"), std::string::npos);
}

TEST_F(LinuxTunTest, answers_a_ping_of_the_kernel_in_user_space) {
  const auto tun = open_up();
  net::FileDescriptor raw(::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  ASSERT_TRUE(raw);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  inet_pton(AF_INET, "10.10.0.102", &to.sin_addr);
  Bytes echo{8, 0, 0, 0, 0x12, 0x34, 0, 1, 'h', 'e', 'l', 'l', 'o', '!'};
  const std::uint16_t sum = checksum(echo);
  echo[2] = static_cast<std::uint8_t>(sum >> 8);
  echo[3] = static_cast<std::uint8_t>(sum);
  ASSERT_EQ(::sendto(raw.get(), echo.data(), echo.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to),
            static_cast<ssize_t>(echo.size()));

  Bytes packet;
  const auto got = read_until(*tun, packet, [](ByteView seen) { return is_ipv4_of(seen, IPPROTO_ICMP); });
  ASSERT_EQ(got.status, Status::frame);
  ASSERT_EQ(got.bytes, 20 + echo.size());
  EXPECT_EQ(got.header.gso_type, 0);
  packet.resize(got.bytes);
  EXPECT_EQ(checksum(ByteView(packet).first(20)), 0);

  // The reply: addresses exchanged (which keeps the IP checksum), type 0.
  std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
  packet[20] = 0;
  packet[22] = packet[23] = 0;
  const std::uint16_t reply_sum = checksum(ByteView(packet).subspan(20));
  packet[22] = static_cast<std::uint8_t>(reply_sum >> 8);
  packet[23] = static_cast<std::uint8_t>(reply_sum);
  ASSERT_EQ(tun->write({}, packet), 0);

  Bytes reply(2048);
  pollfd waiting{raw.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 5000), 1);
  const ssize_t length = ::recv(raw.get(), reply.data(), reply.size(), 0);
  ASSERT_EQ(length, static_cast<ssize_t>(packet.size()));
  EXPECT_EQ(Bytes(reply.begin() + 28, reply.begin() + length), Bytes(echo.begin() + 8, echo.end()));
}

/// Plays the far end of one TCP connection through the TUN, just enough to be sent a burst.
class TcpFarEnd {
 public:
  TcpFarEnd(TunDevice& tun, ByteView syn) : tun_(tun), port_(word(&syn[20])), next_(sequence_of(syn) + 1) {
    std::copy_n(syn.begin() + 12, 4, client_.begin());
    std::copy_n(syn.begin() + 16, 4, server_.begin());
    reply(0x12);
  }
  static std::uint32_t sequence_of(ByteView packet) {
    return static_cast<std::uint32_t>(word(&packet[24])) << 16 | word(&packet[26]);
  }

 private:
  void reply(std::uint8_t flags) {
    Bytes packet(44);
    packet[0] = 0x45;
    packet[3] = 44;
    packet[8] = 64;
    packet[9] = IPPROTO_TCP;
    std::copy(server_.begin(), server_.end(), packet.begin() + 12);
    std::copy(client_.begin(), client_.end(), packet.begin() + 16);
    put(packet, 10, checksum(ByteView(packet).first(20)));
    put(packet, 20, 9000);
    put(packet, 22, port_);
    put(packet, 24, 0x1000);  // our sequence number: 0x10000000
    put(packet, 28, static_cast<std::uint16_t>(next_ >> 16));
    put(packet, 30, static_cast<std::uint16_t>(next_));
    packet[32] = 6 << 4;  // one option: MSS 1360
    packet[33] = flags;
    put(packet, 34, 65535);
    packet[40] = 2;
    packet[41] = 4;
    put(packet, 42, 1360);
    Bytes pseudo(packet.begin() + 12, packet.begin() + 20);
    pseudo.insert(pseudo.end(), {0, IPPROTO_TCP, 0, 24});
    pseudo.insert(pseudo.end(), packet.begin() + 20, packet.end());
    put(packet, 36, checksum(pseudo));
    EXPECT_EQ(tun_.write({}, packet), 0);
  }
  static void put(Bytes& packet, std::size_t at, std::uint16_t value) {
    packet[at] = static_cast<std::uint8_t>(value >> 8);
    packet[at + 1] = static_cast<std::uint8_t>(value);
  }

  TunDevice& tun_;
  std::array<std::uint8_t, 4> client_{}, server_{};
  std::uint16_t port_;
  std::uint32_t next_;
};

class LinuxTunTcp : public LinuxTunTest {
 protected:
  /// A TCP client sends 8 KiB through the TUN; the first frame with content.
  TunDevice::ReadResult first_data_frame(TunDevice& tun, Bytes& buffer) {
    client_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9000);
    inet_pton(AF_INET, "10.10.0.102", &to.sin_addr);
    EXPECT_LT(::connect(client_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    EXPECT_EQ(errno, EINPROGRESS);
    const auto syn = read_until(tun, buffer, [](ByteView seen) { return is_ipv4_of(seen, IPPROTO_TCP); });
    EXPECT_EQ(syn.status, Status::frame);
    TcpFarEnd far_end(tun, ByteView(buffer).first(syn.bytes));
    pollfd waiting{client_.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&waiting, 1, 5000), 1);
    const Bytes content(8192, 'x');
    EXPECT_EQ(::send(client_.get(), content.data(), content.size(), MSG_NOSIGNAL), 8192);
    return read_until(tun, buffer,
                      [](ByteView seen) { return is_ipv4_of(seen, IPPROTO_TCP) && seen.size() > 200; });
  }

  net::FileDescriptor client_;
};

TEST_F(LinuxTunTcp, tcp_comes_in_super_packets) {
  const auto tun = open_up();
  Bytes buffer;
  const auto got = first_data_frame(*tun, buffer);
  ASSERT_EQ(got.status, Status::frame);
  EXPECT_GT(got.bytes, 1400u) << "larger than the MTU";
  EXPECT_EQ(got.header.gso_type & 0x7f, 1);
  EXPECT_EQ(got.header.gso_bytes, 1360);
  EXPECT_EQ(got.header.flags & 1, 1) << "checksums are left to us";
  EXPECT_EQ(got.header.checksum_start, 20);
  EXPECT_EQ(got.header.checksum_offset, 16);
  EXPECT_EQ(word(&buffer[2]), got.bytes) << "the header is not part of the packet";
}

TEST_F(LinuxTunTcp, without_offloads_tcp_comes_in_finished_packets) {
  const auto tun = open_up({});
  Bytes buffer;
  const auto got = first_data_frame(*tun, buffer);
  ASSERT_EQ(got.status, Status::frame);
  EXPECT_LE(got.bytes, 1400u);
  EXPECT_EQ(got.header.gso_type, 0);
  EXPECT_EQ(got.header.flags & 1, 0);
}

TEST_F(LinuxTunTest, what_the_kernel_refuses_is_an_errno) {
  const auto tun = open_up();
  EXPECT_EQ(tun->write({}, Bytes(40, 0)), EINVAL) << "neither IPv4 nor IPv6";
  Bytes packet(60, 0);
  packet[0] = 0x45;
  VnetHeader lies;
  lies.flags = 1;
  lies.checksum_start = 5000;
  lies.checksum_offset = 16;
  EXPECT_EQ(tun->write(lies, packet), EINVAL) << "a checksum beyond the packet";
  InterfaceConfig::open("cw0")->set_up(false).value();
  EXPECT_EQ(tun->write({}, packet), EIO);
}

TEST_F(LinuxTunTest, a_deleted_nic_is_closed_for_good) {
  const auto tun = open_up();
  ASSERT_TRUE(test::ip("link del cw0"));
  Bytes buffer(kMaxFrameBytes);
  EXPECT_EQ(tun->read(buffer).status, Status::closed);
  EXPECT_EQ(tun->read(buffer).status, Status::closed);
  EXPECT_NE(tun->write({}, Bytes(40, 0x45)), 0);
  pollfd waiting{tun->descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);
  EXPECT_NE(waiting.revents & POLLERR, 0) << "so the loop learns it";
}

}  // namespace
}  // namespace causeway::tun
