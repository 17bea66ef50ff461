#include "packet/fragmenter.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "packet/checksum.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::PacketSpec;

std::vector<Bytes> cut(Bytes packet, std::size_t most) {
  auto fragmenter = Fragmenter::make(packet, *IpView::parse(packet), most);
  std::vector<Bytes> fragments;
  while (fragmenter && !fragmenter->is_done()) {
    const MutableByteView fragment = fragmenter->next();
    fragments.emplace_back(fragment.begin(), fragment.end());
    std::fill(fragment.begin(), fragment.end(), 0xee);
  }
  return fragments;
}

/// Puts fragments together as a receiver does, checking each header.
Bytes reassemble(const std::vector<Bytes>& fragments, std::size_t most) {
  Bytes payload;
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const auto view = IpView::parse(fragments[i]);
    EXPECT_TRUE(view);
    EXPECT_EQ(view->total_bytes, fragments[i].size());
    EXPECT_LE(fragments[i].size(), most);
    EXPECT_EQ(checksum(ByteView{fragments[i]}.first(view->header_bytes)), 0);
    EXPECT_EQ(view->fragment_offset(), payload.size());
    EXPECT_EQ((fragments[i][6] & 0x20) != 0, i + 1 < fragments.size());
    payload.insert(payload.end(), view->payload().begin(), view->payload().end());
  }
  return payload;
}

TEST(Fragmenter, PiecesMakeThePacket) {
  SeededRandom random(7);
  for (int round = 0; round < 500; ++round) {
    PacketSpec spec{.tcp = false, .id = 99, .dont_fragment = false, .payload = Bytes(1 + random.below(5000))};
    random.fill(spec.payload);
    const Bytes packet = build(spec);
    const std::size_t most = 28 + random.below(1500);
    const Bytes whole = reassemble(cut(packet, most), most);
    ASSERT_EQ(whole, Bytes(packet.begin() + 20, packet.end())) << round;
  }
}

TEST(Fragmenter, CutsAFragmentAgain) {
  const Bytes packet = build({.tcp = false, .dont_fragment = false, .payload = Bytes(3000, 4)});
  const auto first = cut(packet, 1420);
  ASSERT_EQ(first.size(), 3u);
  std::vector<Bytes> twice;
  for (const Bytes& fragment : first) {
    for (Bytes& part : cut(fragment, 500))
      twice.push_back(std::move(part));
  }
  EXPECT_EQ(reassemble(twice, 500), Bytes(packet.begin() + 20, packet.end()));
}

TEST(Fragmenter, RefusesWhatMayNotBeCut) {
  Bytes packet = build({.dont_fragment = true, .payload = Bytes(2000, 1)});
  EXPECT_FALSE(Fragmenter::make(packet, *IpView::parse(packet), 1000));
  packet = build({.source = "fd00::1", .destination = "fd00::2", .payload = Bytes(2000, 1)});
  EXPECT_FALSE(Fragmenter::make(packet, *IpView::parse(packet), 1000));
  packet = build({.dont_fragment = false, .payload = Bytes(2000, 1)});
  EXPECT_FALSE(Fragmenter::make(packet, *IpView::parse(packet), 27));
  EXPECT_TRUE(Fragmenter::make(packet, *IpView::parse(packet), 28));
}

TEST(Fragmenter, OnlyCopiedOptionsAreInLaterFragments) {
  Bytes packet = build({.tcp = false, .dont_fragment = false, .payload = Bytes(200, 1)});
  const Bytes options = from_hex(
                            "0703"
                            "04"
                            "8304"
                            "0102"
                            "01")
                            .value();  // record route; loose source route; nop
  packet.insert(packet.begin() + 20, options.begin(), options.end());
  packet[0] = 0x47;
  packet[3] = static_cast<std::uint8_t>(packet.size());
  const auto fragments = cut(packet, 100);
  ASSERT_GE(fragments.size(), 2u);
  EXPECT_EQ(to_hex(ByteView{fragments[0]}.subspan(20, 8)), to_hex(options));
  EXPECT_EQ(to_hex(ByteView{fragments[1]}.subspan(20, 8)), "0101018304010201");
  EXPECT_EQ(checksum(ByteView{fragments[1]}.first(28)), 0);
}

TEST(Fragmenter, SurvivesOptionsThatLie) {
  SeededRandom random(8);
  for (int round = 0; round < 3000; ++round) {
    Bytes packet = build({.tcp = false, .dont_fragment = false, .payload = Bytes(300, 1)});
    Bytes options(4 + random.below(10) * 4);
    random.fill(options);
    packet.insert(packet.begin() + 20, options.begin(), options.end());
    packet[0] = static_cast<std::uint8_t>(0x40 | (20 + options.size()) / 4);
    packet[2] = static_cast<std::uint8_t>(packet.size() >> 8),
    packet[3] = static_cast<std::uint8_t>(packet.size());
    EXPECT_GE(cut(packet, 100).size(), 3u);
  }
}

}  // namespace
}  // namespace causeway::packet
