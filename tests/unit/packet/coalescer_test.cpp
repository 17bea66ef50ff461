#include "packet/coalescer.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/random.hpp"
#include "packet/checksum.hpp"
#include "packet/segmenter.hpp"
#include "packet/tcp_udp.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::build_super_frame;
using causeway::testing::naive_segments;
using causeway::testing::PacketSpec;
using causeway::testing::SuperFrame;

struct Collected final : FrameSink {
  std::vector<SuperFrame> frames;
  std::vector<std::size_t> packets;
  void write_frame(const tun::VnetHeader& header, MutableByteView frame,
                   std::size_t count) noexcept override {
    frames.push_back({header, Bytes(frame.begin(), frame.end())});
    packets.push_back(count);
    std::fill(frame.begin(), frame.end(), 0xee);  // the sink may do that
  }
};

struct CoalescerTest : ::testing::Test {
  Collected sink;
  Coalescer coalescer{sink, {}};

  void feed(const Bytes& packet, std::uint32_t origin = 1, std::size_t padding = 0) {
    const MutableByteView room = coalescer.prepare(packet.size() + padding, origin);
    std::copy(packet.begin(), packet.end(), room.begin());
    std::fill(room.begin() + static_cast<long>(packet.size()), room.end(), 0);
    const auto view = IpView::parse(room);
    ASSERT_TRUE(view);
    coalescer.commit(*view, origin);
  }
  /// All frames so far, cut into packets by the segmenter.
  std::vector<Bytes> cut_again() const {
    std::vector<Bytes> packets;
    for (SuperFrame frame : sink.frames) {
      auto segmenter = Segmenter::make(frame.header, frame.packet, *IpView::parse(frame.packet));
      EXPECT_TRUE(segmenter);
      while (segmenter && !segmenter->is_done()) {
        const auto segment = segmenter->next();
        packets.emplace_back(segment.begin(), segment.end());
      }
    }
    return packets;
  }
};

TEST_F(CoalescerTest, RestoresTheSuperFrame) {
  for (const bool tcp : {true, false}) {
    for (const char* source : {"10.10.0.101", "fd00::1"}) {
      sink = {};
      PacketSpec spec{.source = source, .tcp = tcp, .payload = Bytes(30000)};
      if (!spec.is_v4()) spec.destination = "fd00::2";
      SeededRandom(9).fill(spec.payload);
      for (const Bytes& segment : naive_segments(spec, 1400))
        feed(segment, 1, segment.size() % 16);
      coalescer.flush();
      const SuperFrame whole = build_super_frame(spec, 1400);
      ASSERT_EQ(sink.frames.size(), 1u);
      EXPECT_EQ(sink.frames[0].packet, whole.packet);
      EXPECT_EQ(std::memcmp(&sink.frames[0].header, &whole.header, sizeof whole.header), 0);
      EXPECT_EQ(sink.packets[0], 22u);
    }
  }
}

TEST_F(CoalescerTest, OnePacketIsWrittenAsItCame) {
  const Bytes packet = build({.payload = Bytes(100, 1)});
  feed(packet);
  EXPECT_TRUE(sink.frames.empty());
  coalescer.flush();
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(sink.frames[0].packet, packet);
  EXPECT_EQ(sink.frames[0].header.flags, 0);
}

TEST_F(CoalescerTest, PushAndFinJoinAndClose) {
  PacketSpec spec{.tcp_flags = 0x19, .payload = Bytes(300, 3)};
  for (const Bytes& segment : naive_segments(spec, 100))
    feed(segment);
  ASSERT_EQ(sink.frames.size(), 1u);  // without flush()
  EXPECT_EQ(sink.packets[0], 3u);
  EXPECT_EQ(sink.frames[0].packet[33], 0x19);
}

TEST_F(CoalescerTest, AShortSegmentJoinsAndCloses) {
  for (const Bytes& segment : naive_segments({.payload = Bytes(250, 3)}, 100))
    feed(segment);
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(sink.packets[0], 3u);
}

TEST_F(CoalescerTest, ALongerSegmentBeginsAnew) {
  feed(build({.sequence = 0, .payload = Bytes(100, 1)}));
  feed(build({.sequence = 100, .payload = Bytes(101, 1)}));
  coalescer.flush();
  EXPECT_EQ(sink.packets, (std::vector<std::size_t>{1, 1}));
}

TEST_F(CoalescerTest, WhatDiffersStaysApartAndInOrder) {
  const PacketSpec first{.sequence = 0, .payload = Bytes(100, 1)};
  std::vector<PacketSpec> others(10, first);
  for (PacketSpec& spec : others)
    spec.sequence = 100;
  others[0].tos = 4;
  others[1].ttl = 63;
  others[2].acknowledgment += 1;
  others[3].window += 1;
  others[4].tcp_options = Bytes(4, 1);
  others[5].sequence = 101;  // a gap
  others[6].sequence = 0;    // again
  others[7].tcp_flags = 0x30;
  others[8].dont_fragment = false;
  others[9].tcp_flags = 0x50;
  for (std::size_t i = 0; i < others.size(); ++i) {
    sink = {};
    feed(build(first));
    feed(build(others[i]));
    coalescer.flush();
    ASSERT_EQ(sink.frames.size(), 2u) << i;
    EXPECT_EQ(sink.frames[0].packet, build(first)) << i;
    EXPECT_EQ(sink.frames[1].packet, build(others[i])) << i;
  }
}

TEST_F(CoalescerTest, ControlPacketsGoAloneAtOnceBehindTheirFlow) {
  for (const int flags : {0x02, 0x12, 0x14, 0x04, 0x10}) {  // SYN, SYN+ACK, RST, RST, pure ACK
    sink = {};
    feed(build({.sequence = 0, .payload = Bytes(100, 1)}));
    PacketSpec control{.sequence = 100, .tcp_flags = static_cast<std::uint8_t>(flags)};
    feed(build(control));
    ASSERT_EQ(sink.frames.size(), 2u) << flags;
    EXPECT_EQ(sink.frames[1].packet, build(control));
  }
}

TEST_F(CoalescerTest, FragmentsAndOtherProtocolsGoBehindTheFramesOfTheirHosts) {
  feed(build({.tcp = false, .payload = Bytes(100, 1)}));
  Bytes fragment = build({.tcp = false, .dont_fragment = false, .payload = Bytes(64, 2)});
  fragment[7] = 10;
  write_ipv4_checksum(fragment.data(), 20);
  feed(fragment);
  ASSERT_EQ(sink.frames.size(), 2u);
  EXPECT_EQ(sink.frames[1].packet, fragment);
}

TEST_F(CoalescerTest, ABadChecksumIsKeptAndNeverHidden) {
  Bytes bad = build({.sequence = 100, .payload = Bytes(100, 1)});
  bad[60] ^= 0x40;
  feed(build({.sequence = 0, .payload = Bytes(100, 1)}));
  feed(bad);
  feed(build({.sequence = 200, .payload = Bytes(100, 1)}));
  coalescer.flush();
  ASSERT_EQ(sink.frames.size(), 3u);
  EXPECT_EQ(sink.frames[1].packet, bad);
  EXPECT_EQ(sink.frames[1].header.flags, 0);
}

TEST_F(CoalescerTest, ABadHeaderChecksumIsKeptAndNeverHidden) {
  for (const bool tcp : {true, false}) {
    sink.frames.clear();
    Bytes bad = build({.tcp = tcp, .sequence = 100, .payload = Bytes(100, 1)});
    bad[8] ^= 1;  // TTL, which no L4 checksum covers
    feed(bad);
    feed(build({.tcp = tcp, .sequence = 200, .ttl = bad[8], .payload = Bytes(100, 1)}));
    coalescer.flush();
    ASSERT_EQ(sink.frames.size(), 2u);
    EXPECT_EQ(sink.frames[0].packet, bad);
  }
}

TEST_F(CoalescerTest, UdpWithoutChecksumGoesAlone) {
  Bytes packet = build({.tcp = false, .payload = Bytes(100, 1)});
  packet[26] = packet[27] = 0;
  feed(packet);
  feed(packet);
  EXPECT_EQ(sink.packets, (std::vector<std::size_t>{1, 1}));
}

TEST_F(CoalescerTest, UdpFramesEndAt64Segments) {
  PacketSpec spec{.tcp = false, .payload = Bytes(64 * 70, 1)};
  for (const Bytes& segment : naive_segments(spec, 64))
    feed(segment);
  coalescer.flush();
  EXPECT_EQ(sink.packets, (std::vector<std::size_t>{64, 6}));
}

TEST_F(CoalescerTest, TcpFramesEndAtTheLongestPacket) {
  std::uint32_t sequence = 0;
  for (int i = 0; i < 100; ++i, sequence += 1400)
    feed(build({.sequence = sequence, .payload = Bytes(1400, 1)}));
  coalescer.flush();
  std::size_t packets = 0;
  for (std::size_t i = 0; i < sink.frames.size(); ++i) {
    EXPECT_LE(sink.frames[i].packet.size(), 65535u);
    packets += sink.packets[i];
  }
  EXPECT_EQ(packets, 100u);
  EXPECT_EQ(sink.frames.size(), 3u);
}

TEST_F(CoalescerTest, DatagramsWithoutDfNeedCountingIds) {
  const auto datagram = [](std::uint16_t id) {
    return build({.tcp = false, .id = id, .dont_fragment = false, .payload = Bytes(50, 1)});
  };
  feed(datagram(0xffff)), feed(datagram(0)), feed(datagram(1)), feed(datagram(5));
  coalescer.flush();
  EXPECT_EQ(sink.packets, (std::vector<std::size_t>{3, 1}));
}

TEST_F(CoalescerTest, MissingOffloadsMeanSinglePackets) {
  coalescer.set_options({.tcp = false, .udp = false});
  for (const bool tcp : {true, false}) {
    for (const Bytes& segment : naive_segments({.tcp = tcp, .payload = Bytes(300, 1)}, 100))
      feed(segment);
  }
  EXPECT_EQ(sink.packets, std::vector<std::size_t>(6, 1));
}

TEST_F(CoalescerTest, AnAbandonedPacketLeavesNoTrace) {
  const auto segments = naive_segments({.payload = Bytes(20, 1)}, 10);
  feed(segments[0]);
  const MutableByteView room = coalescer.prepare(2000, 1);
  std::fill(room.begin(), room.end(), 0xee);
  coalescer.abandon();
  coalescer.flush();
  EXPECT_EQ(sink.frames.at(0).packet, segments[0]);
}

TEST_F(CoalescerTest, MoreFlowsThanFramesLoseNothing) {
  std::vector<Bytes> fed;
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (std::uint16_t flow = 0; flow < 20; ++flow) {
      fed.push_back(build({.source_port = flow, .sequence = round * 100, .payload = Bytes(100, 1)}));
      feed(fed.back(), flow % 3);
    }
  }
  coalescer.flush();
  const auto got = cut_again();
  ASSERT_EQ(got.size(), fed.size());
  EXPECT_TRUE(std::is_permutation(got.begin(), got.end(), fed.begin()));
}

/// Packets of several flows, cut, mixed and sometimes odd: what comes out, cut again, is per flow what went
/// in.
TEST_F(CoalescerTest, RandomTrafficComesOutPerFlowAsItWentIn) {
  using Flow = std::tuple<std::string, std::string, bool, std::uint32_t>;
  const auto flow_of = [](const Bytes& packet) {
    const auto view = IpView::parse(packet);
    return Flow{view->source.address().to_string(), view->destination.address().to_string(),
                view->protocol == kTcp, load_be32(view->payload().data())};
  };
  // With DF the ID means nothing (RFC 6864), and joining datagrams renumbers it.
  const auto without_id = [](Bytes packet) {
    if (IpView::parse(packet)->is_v4 && IpView::parse(packet)->dont_fragment) {
      store_be16(packet.data() + 4, 0);
      write_ipv4_checksum(packet.data(), 20);
    }
    return packet;
  };
  SeededRandom random(10);
  for (int round = 0; round < 300; ++round) {
    sink = {};
    std::vector<PacketSpec> flows(1 + random.below(12));
    for (std::size_t i = 0; i < flows.size(); ++i) {
      if (random.below(2)) flows[i].source = "fd00::1", flows[i].destination = "fd00::2";
      flows[i].tcp = random.below(3) != 0;
      flows[i].source_port = static_cast<std::uint16_t>(i);
      flows[i].sequence = random.next_u32();
      flows[i].dont_fragment = random.below(2);
    }
    std::map<Flow, std::vector<Bytes>> in, out;
    for (int burst = 0; burst < 40; ++burst) {
      const std::size_t index = random.below(flows.size());
      PacketSpec& flow = flows[index];
      PacketSpec spec = flow;
      spec.payload.resize(1 + random.below(4000));
      random.fill(spec.payload);
      if (random.below(3) == 0) spec.tcp_flags |= 0x08;
      if (random.below(12) == 0) spec.tcp_flags = static_cast<std::uint8_t>(random.next_u32());
      flow.sequence += static_cast<std::uint32_t>(spec.payload.size());
      const std::size_t size = 1 + random.below(1400);
      const auto segments = naive_segments(spec, size);
      if (flow.is_v4()) flow.id = static_cast<std::uint16_t>(flow.id + segments.size());
      for (const Bytes& segment : segments) {
        if (random.below(20) == 0) continue;  // lost
        in[flow_of(segment)].push_back(without_id(segment));
        feed(segment, static_cast<std::uint32_t>(index % 3), random.below(16));
      }
      if (random.below(10) == 0) coalescer.flush();
    }
    coalescer.flush();
    for (const Bytes& packet : cut_again())
      out[flow_of(packet)].push_back(without_id(packet));
    ASSERT_EQ(in, out) << round;
  }
}

/// Packets as compact messages bring them: without IP header and checksum, behind one byte.
struct CompactCoalescerTest : CoalescerTest {
  std::size_t quick = 0;
  void feed_compact(const Bytes& packet, std::uint8_t lead = 0x0c) {
    const auto whole = IpView::parse(packet);
    ASSERT_TRUE(whole);
    Bytes plaintext(whole->payload().begin(), whole->payload().end());
    const std::size_t field = whole->protocol == kTcp ? kTcpChecksumOffset : kUdpChecksumOffset;
    plaintext.at(field) = plaintext.at(field + 1) = 0;
    plaintext.insert(plaintext.begin(), lead);
    const MutableByteView room = coalescer.prepare_compact(plaintext.size(), 1);
    std::copy(plaintext.begin(), plaintext.end(), room.begin());
    if (coalescer.join_as_guessed(room)) {
      ++quick;
      return;
    }
    std::uint8_t* ip = coalescer.place_header(room.data() + 1, room.size() - 1, whole->header_bytes);
    std::copy_n(packet.begin(), whole->header_bytes, ip);
    const auto view = IpView::parse(ByteView{ip, whole->header_bytes + room.size() - 1});
    ASSERT_TRUE(view);
    coalescer.commit(*view, 1, true);
  }
};

TEST_F(CompactCoalescerTest, TheQuickWayJoinsWhatOnlyContinues) {
  PacketSpec spec{.tcp_options = Bytes(12, 1), .payload = Bytes(20000)};
  SeededRandom(3).fill(spec.payload);
  const auto segments = naive_segments(spec, 1400);
  for (const Bytes& segment : segments) {
    Bytes packet = segment;
    store_be16(packet.data() + 4, 0);
    write_ipv4_checksum(packet.data(), 20);
    feed_compact(packet);
  }
  coalescer.flush();
  EXPECT_EQ(quick, segments.size() - 1);
  ASSERT_EQ(sink.frames.size(), 1u);
  EXPECT_EQ(cut_again(), segments);
}

TEST_F(CompactCoalescerTest, WhateverElseDiffersTakesTheLongWay) {
  const PacketSpec first{.sequence = 0, .tcp_options = Bytes(12, 1), .payload = Bytes(100, 1)};
  std::vector<PacketSpec> others(9, first);
  for (PacketSpec& spec : others)
    spec.sequence = 100;
  others[0].source_port += 1;
  others[1].destination_port += 1;
  others[2].sequence = 101;
  others[3].acknowledgment += 1;
  others[4].window += 1;
  others[5].tcp_options[3] = 0;
  others[6].payload.resize(101);
  others[7].tcp_flags = 0x30;  // URG
  others[8].tcp_options = Bytes(8, 1);
  for (const PacketSpec& other : others) {
    sink = {};
    feed_compact(build(first));
    feed_compact(build(other));
    coalescer.flush();
    EXPECT_EQ(quick, 0u);
    EXPECT_EQ(cut_again(), (std::vector<Bytes>{build(first), build(other)})) << &other - others.data();
  }
  sink = {};
  PacketSpec ttl = first;
  ttl.ttl = 9, ttl.sequence = 100;
  feed_compact(build(first));
  feed_compact(build(ttl), 0x0e);  // another byte in front
  coalescer.flush();
  EXPECT_EQ(quick, 0u);
  EXPECT_EQ(cut_again(), (std::vector<Bytes>{build(first), build(ttl)}));
}

TEST_F(CompactCoalescerTest, ShortSegmentsPushAndFinCloseTheFrame) {
  for (const std::uint8_t flags : {0x10, 0x18, 0x11}) {
    sink = {}, quick = 0;
    feed_compact(build({.sequence = 0, .payload = Bytes(100, 1)}));
    feed_compact(
        build({.sequence = 100, .tcp_flags = flags, .payload = Bytes(flags == 0x10 ? 60u : 100u, 2)}));
    EXPECT_EQ(quick, 1u);
    EXPECT_EQ(sink.packets, (std::vector<std::size_t>{2})) << "without flush()";
  }
}

TEST_F(CompactCoalescerTest, AFrameWithChecksumsNeverTakesAPacketWithout) {
  feed(build({.sequence = 0, .payload = Bytes(100, 1)}));
  feed_compact(build({.sequence = 100, .payload = Bytes(100, 2)}));
  coalescer.flush();
  EXPECT_EQ(quick, 0u);
  EXPECT_EQ(sink.packets, (std::vector<std::size_t>{1, 1}));
}

}  // namespace
}  // namespace causeway::packet
