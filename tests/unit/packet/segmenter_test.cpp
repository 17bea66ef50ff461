#include "packet/segmenter.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "packet/checksum.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::build_super_frame;
using causeway::testing::naive_segments;
using causeway::testing::PacketSpec;
using causeway::testing::SuperFrame;

/// nullopt: refused.
std::optional<std::vector<Bytes>> split(SuperFrame frame) {
  const auto view = IpView::parse(frame.packet);
  if (!view) return std::nullopt;
  auto segmenter = Segmenter::make(frame.header, frame.packet, *view);
  if (!segmenter) return std::nullopt;
  std::vector<Bytes> segments;
  while (!segmenter->is_done()) {
    const MutableByteView segment = segmenter->next();
    segments.emplace_back(segment.begin(), segment.end());
    std::fill(segment.begin() + 1, segment.end(),
              0xee);  // used up: the rest of the frame may not depend on it
  }
  EXPECT_EQ(segments.size(), segmenter->segments());
  return segments;
}

PacketSpec random_spec(RandomSource& random) {
  PacketSpec spec;
  if (random.below(2)) spec.source = "fd00::a:1", spec.destination = "fd00::b:2";
  spec.tcp = random.below(2);
  spec.source_port = static_cast<std::uint16_t>(random.next_u32());
  spec.sequence = random.next_u32();
  spec.acknowledgment = random.next_u32();
  spec.tcp_flags = static_cast<std::uint8_t>(0x10 | random.below(256));
  spec.tcp_options.resize(random.below(11) * 4);
  random.fill(spec.tcp_options);
  spec.tos = static_cast<std::uint8_t>(random.next_u32());
  spec.id = static_cast<std::uint16_t>(random.next_u32());
  spec.dont_fragment = random.below(2);
  spec.payload.resize(1 + random.below(9000));
  random.fill(spec.payload);
  return spec;
}

TEST(Segmenter, PassesAnOrdinaryPacketThrough) {
  const Bytes packet = build({.payload = Bytes(100, 5)});
  EXPECT_EQ(split({{}, packet}), std::vector<Bytes>{packet});
}

TEST(Segmenter, FinishesTheChecksumOfAnOrdinaryPacket) {
  for (const bool tcp : {true, false}) {
    const PacketSpec spec{.source = "fd00::1", .destination = "fd00::2", .tcp = tcp, .payload = Bytes(77, 9)};
    SuperFrame frame = build_super_frame(spec, 77);
    frame.header.gso_type = 0;
    EXPECT_EQ(split(frame), std::vector<Bytes>{build(spec)});
  }
}

TEST(Segmenter, CutsFullTcpFrame) {
  const PacketSpec spec{.tcp_flags = 0x18, .tcp_options = Bytes(12, 1), .payload = Bytes(64000, 0x42)};
  EXPECT_EQ(split(build_super_frame(spec, 1388)), naive_segments(spec, 1388));
}

TEST(Segmenter, FinAndPushOnlyOnTheLastCwrOnlyOnTheFirst) {
  const PacketSpec spec{.tcp_flags = 0x99, .payload = Bytes(300, 1)};
  const auto segments = split(build_super_frame(spec, 100)).value();
  EXPECT_EQ(segments[0][33], 0x90);
  EXPECT_EQ(segments[1][33], 0x10);
  EXPECT_EQ(segments[2][33], 0x19);
}

TEST(Segmenter, RandomSuperFramesEqualNaiveSplitting) {
  SeededRandom random(5);
  for (int round = 0; round < 3000; ++round) {
    const PacketSpec spec = random_spec(random);
    const auto segment_payload = static_cast<std::uint16_t>(1 + random.below(round % 3 == 0 ? 60 : 2000));
    SuperFrame frame = build_super_frame(spec, segment_payload);
    if (random.below(2)) frame.header.gso_type |= spec.tcp ? 0x80 : 0;
    frame.header.header_bytes = static_cast<std::uint16_t>(random.next_u32());  // not to be trusted
    const auto segments = split(frame);
    ASSERT_TRUE(segments) << round;
    ASSERT_EQ(*segments, naive_segments(spec, segment_payload)) << round;
    for (const Bytes& segment : *segments)
      ASSERT_TRUE(is_l4_checksum_right(*IpView::parse(segment)));
  }
}

TEST(Segmenter, RefusesHeadersThatDoNotFitThePacket) {
  const SuperFrame good = build_super_frame({.payload = Bytes(3000, 1)}, 1000);
  const auto with = [&](auto&& change) {
    SuperFrame bad = good;
    change(bad);
    return split(bad);
  };
  ASSERT_TRUE(split(good));
  EXPECT_FALSE(with([](SuperFrame& f) { f.header.gso_bytes = 0; }));
  EXPECT_FALSE(with([](SuperFrame& f) { f.header.gso_type = 4; }));  // TCPV6 on IPv4
  EXPECT_FALSE(with([](SuperFrame& f) { f.header.gso_type = 5; }));  // UDP on TCP
  EXPECT_FALSE(with([](SuperFrame& f) { f.header.gso_type = 3; }));  // UFO, gone from Linux
  EXPECT_FALSE(with([](SuperFrame& f) { f.packet[32] = 0x40; }));    // TCP header of 16 bytes
  EXPECT_FALSE(with([](SuperFrame& f) { f.packet[6] = 0x20; }));     // a fragment
  EXPECT_FALSE(with([](SuperFrame& f) {                              // TCP header longer than the packet
    f.packet.resize(50);
    f.packet[2] = 0, f.packet[3] = 50, f.packet[32] = 0xf0;
  }));
  EXPECT_FALSE(with([](SuperFrame& f) { f.header.gso_type = 0, f.header.checksum_start = 4; }));
  EXPECT_FALSE(with([](SuperFrame& f) { f.header.gso_type = 0, f.header.checksum_offset = 60000; }));
}

TEST(Segmenter, RefusesAnotherProtocolThanTheHeaderNames) {
  PacketSpec spec{.source = "fd00::101", .destination = "fd00::102", .payload = Bytes(3000, 1)};
  SuperFrame frame = build_super_frame(spec, 1000);
  ASSERT_TRUE(split(frame));
  frame.header.gso_type = 5;  // UDP, while the IPv6 header says TCP
  EXPECT_FALSE(split(frame));
}

TEST(Segmenter, SurvivesRandomHeaders) {
  SeededRandom random(6);
  for (int round = 0; round < 20000; ++round) {
    SuperFrame frame = build_super_frame(random_spec(random), 500);
    frame.packet.resize(1 + random.below(frame.packet.size()));
    for (int changes = 0; changes < 3; ++changes) {
      frame.packet[random.below(std::min<std::size_t>(frame.packet.size(), 60))] ^=
          static_cast<std::uint8_t>(random.next_u32());
    }
    random.fill({reinterpret_cast<std::uint8_t*>(&frame.header), sizeof frame.header});
    if (random.below(2)) frame.header.gso_type %= 6;
    split(std::move(frame));
  }
}

}  // namespace
}  // namespace causeway::packet
