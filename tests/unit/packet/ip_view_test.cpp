#include "packet/ip_view.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::PacketSpec;

PacketSpec v6_spec() { return {.source = "fd00::1", .destination = "fd00::2", .payload = Bytes(30, 7)}; }

TEST(IpView, ReadsIpv4) {
  const Bytes packet = build({.payload = Bytes(10, 1)});
  const auto view = IpView::parse(packet);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->is_v4);
  EXPECT_EQ(view->header_bytes, 20);
  EXPECT_EQ(view->total_bytes, 50u);
  EXPECT_EQ(view->protocol, kTcp);
  EXPECT_TRUE(view->dont_fragment);
  EXPECT_FALSE(view->is_fragment);
  EXPECT_EQ(view->source.address().to_string(), "10.10.0.101");
  EXPECT_EQ(view->destination.address().to_string(), "10.10.0.102");
}

TEST(IpView, ReadsIpv6) {
  const Bytes packet = build(v6_spec());
  const auto view = IpView::parse(packet);
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->is_v4);
  EXPECT_EQ(view->header_bytes, 40);
  EXPECT_EQ(view->total_bytes, packet.size());
  EXPECT_TRUE(view->dont_fragment);
  EXPECT_EQ(view->source.address().to_string(), "fd00::1");
  EXPECT_EQ(view->destination.address().to_string(), "fd00::2");
}

TEST(IpView, LeavesPaddingBehindThePacketOut) {
  Bytes packet = build({.payload = Bytes(3, 1)});
  const std::size_t bytes = packet.size();
  packet.resize(bytes + 13);
  EXPECT_EQ(IpView::parse(packet)->packet().size(), bytes);
}

TEST(IpView, RefusesEveryTruncation) {
  for (const PacketSpec& spec : {PacketSpec{.payload = Bytes(5, 1)}, v6_spec()}) {
    const Bytes packet = build(spec);
    for (std::size_t bytes = 0; bytes < packet.size(); ++bytes) {
      EXPECT_FALSE(IpView::parse(ByteView{packet}.first(bytes))) << bytes;
    }
  }
}

TEST(IpView, RefusesLengthsThatLie) {
  Bytes packet = build({.payload = Bytes(10, 1)});
  packet[2] = 0, packet[3] = 19;  // shorter than its header
  EXPECT_FALSE(IpView::parse(packet));
  packet[2] = 0xff, packet[3] = 0xff;
  EXPECT_FALSE(IpView::parse(packet));
  packet = build({.payload = Bytes(10, 1)});
  packet[0] = 0x44;  // a header of 16 bytes
  EXPECT_FALSE(IpView::parse(packet));
  packet[0] = 0x4f;  // one of 60 bytes, in a packet of 50
  EXPECT_FALSE(IpView::parse(packet));
}

TEST(IpView, RefusesOtherVersions) {
  Bytes packet = build({});
  for (const int version : {0, 1, 2, 3, 5, 7, 8, 15}) {
    packet[0] = static_cast<std::uint8_t>(version << 4 | 5);
    EXPECT_FALSE(IpView::parse(packet)) << version;
  }
}

TEST(IpView, RefusesIpv4MappedAddressesInIpv6) {
  Bytes packet = build(v6_spec());
  const auto mapped = [&](std::size_t at) {
    std::fill_n(packet.begin() + static_cast<long>(at), 10, 0);
    packet[at + 10] = packet[at + 11] = 0xff;
  };
  mapped(8);
  EXPECT_FALSE(IpView::parse(packet));
  packet = build(v6_spec());
  mapped(24);
  EXPECT_FALSE(IpView::parse(packet));
}

TEST(IpView, KnowsFragments) {
  Bytes packet = build({.dont_fragment = false, .payload = Bytes(10, 1)});
  EXPECT_FALSE(IpView::parse(packet)->is_fragment);
  packet[6] = 0x20;  // more to come
  EXPECT_TRUE(IpView::parse(packet)->is_fragment);
  packet[6] = 0x00, packet[7] = 0x05;
  EXPECT_TRUE(IpView::parse(packet)->is_fragment);
  EXPECT_EQ(IpView::parse(packet)->fragment_offset(), 40u);
}

TEST(IpView, StaysWithinRandomBytes) {
  SeededRandom random(1);
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes(random.below(80));
    random.fill(bytes);
    if (!bytes.empty() && round % 2) bytes[0] = static_cast<std::uint8_t>(round % 4 < 2 ? 0x45 : 0x60);
    if (const auto view = IpView::parse(bytes)) {
      EXPECT_LE(view->total_bytes, bytes.size());
      EXPECT_LE(view->header_bytes, view->total_bytes);
    }
  }
}

TEST(AddressKey, MasksBothFamilies) {
  const auto v4 = AddressKey::of(net::IpAddress::parse("10.10.3.255").value());
  EXPECT_EQ(v4.masked(96 + 23), AddressKey::of(net::IpAddress::parse("10.10.2.0").value()));
  EXPECT_EQ(v4.masked(128), v4);
  const auto v6 = AddressKey::of(net::IpAddress::parse("fd00:1:2:3:4::ff").value());
  EXPECT_EQ(v6.masked(64), AddressKey::of(net::IpAddress::parse("fd00:1:2:3::").value()));
  EXPECT_EQ(v6.masked(0), AddressKey{});
  EXPECT_FALSE(v6.is_v4());
  EXPECT_TRUE(v4.is_v4());
}

}  // namespace
}  // namespace causeway::packet
