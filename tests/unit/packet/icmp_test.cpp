#include "packet/icmp.hpp"

#include <gtest/gtest.h>

#include "packet/checksum.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::PacketSpec;

const PacketSpec kV6{.source = "fd00::1", .destination = "fd00::2", .payload = Bytes(2000, 1)};

Bytes too_big(const Bytes& packet, std::uint16_t mtu) {
  Bytes out(kMostIcmpBytes);
  out.resize(make_too_big(*IpView::parse(packet), mtu, out));
  return out;
}
Bytes unreachable(const Bytes& packet) {
  Bytes out(kMostIcmpBytes);
  out.resize(make_unreachable(*IpView::parse(packet), out));
  return out;
}

TEST(Icmp, FragmentationNeeded) {
  const Bytes packet = build({.payload = Bytes(2000, 1)});
  const Bytes message = too_big(packet, 1440);
  const auto view = IpView::parse(message);
  ASSERT_TRUE(view);
  EXPECT_EQ(message.size(), 576u);
  EXPECT_EQ(view->protocol, kIcmp);
  EXPECT_EQ(view->source.address().to_string(), "10.10.0.102");
  EXPECT_EQ(view->destination.address().to_string(), "10.10.0.101");
  EXPECT_EQ(checksum(ByteView{message}.first(20)), 0);
  EXPECT_EQ(checksum(view->payload()), 0);
  EXPECT_EQ(to_hex(view->payload().first(2)), "0304");
  EXPECT_EQ(to_hex(view->payload().subspan(4, 4)), "000005a0");  // RFC 1191: unused, next-hop MTU
  EXPECT_EQ(to_hex(view->payload().subspan(8)), to_hex(ByteView{packet}.first(548)));
}

TEST(Icmp, PacketTooBig) {
  const Bytes packet = build(kV6);
  const Bytes message = too_big(packet, 1408);
  const auto view = IpView::parse(message);
  ASSERT_TRUE(view);
  EXPECT_EQ(message.size(), 1280u);
  EXPECT_EQ(view->protocol, kIcmpV6);
  EXPECT_EQ(to_hex(view->payload().first(2)), "0200");
  EXPECT_EQ(to_hex(view->payload().subspan(4, 4)), "00000580");
  ChecksumSum sum;
  sum.add_pseudo_header(message.data(), false, kIcmpV6, static_cast<std::uint32_t>(view->payload().size()));
  sum.add(view->payload());
  EXPECT_EQ(sum.finished(), 0);
}

TEST(Icmp, Unreachable) {
  EXPECT_EQ(to_hex(ByteView{unreachable(build({}))}.subspan(20, 2)), "0301");
  EXPECT_EQ(to_hex(ByteView{unreachable(build(kV6))}.subspan(40, 2)), "0103");
}

TEST(Icmp, NeverAboutIcmpErrors) {
  Bytes packet = build({});
  packet[9] = kIcmp;
  for (const int error : {3, 4, 5, 11, 12}) {
    packet[20] = static_cast<std::uint8_t>(error);
    EXPECT_TRUE(unreachable(packet).empty()) << error;
  }
  packet[20] = 8;  // an echo request may be answered
  EXPECT_FALSE(unreachable(packet).empty());
  Bytes six = build(kV6);
  six[6] = kIcmpV6;
  six[40] = 1;
  EXPECT_TRUE(too_big(six, 1280).empty());
  six[40] = 128;
  EXPECT_FALSE(too_big(six, 1280).empty());
}

TEST(Icmp, NeverAboutLaterFragmentsOrMulticast) {
  Bytes packet = build({.dont_fragment = false});
  packet[7] = 8;
  EXPECT_TRUE(unreachable(packet).empty());
  EXPECT_TRUE(unreachable(build({.destination = "224.0.0.1"})).empty());
  EXPECT_TRUE(unreachable(build({.destination = "255.255.255.255"})).empty());
  EXPECT_TRUE(unreachable(build({.source = "0.0.0.0"})).empty());
  EXPECT_TRUE(unreachable(build({.source = "fd00::1", .destination = "ff02::1"})).empty());
}

TEST(Icmp, LimiterAllowsABurstAndThenARate) {
  IcmpLimiter limiter;
  SteadyTime now{100s};
  int allowed = 0;
  for (int i = 0; i < 1000; ++i)
    allowed += limiter.allow(now);
  EXPECT_EQ(allowed, IcmpLimiter::kBurst);
  now += 100ms;
  allowed = 0;
  for (int i = 0; i < 1000; ++i)
    allowed += limiter.allow(now);
  EXPECT_EQ(allowed, IcmpLimiter::kPerSecond / 10);
  now += 1h;
  allowed = 0;
  for (int i = 0; i < 1000; ++i)
    allowed += limiter.allow(now);
  EXPECT_EQ(allowed, IcmpLimiter::kBurst);
}

}  // namespace
}  // namespace causeway::packet
