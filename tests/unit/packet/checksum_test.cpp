#include "packet/checksum.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::naive_checksum;

TEST(Checksum, Rfc1071Example) {
  const Bytes bytes = from_hex("0001f203f4f5f6f7").value();
  ChecksumSum sum;
  sum.add(bytes);
  EXPECT_EQ(sum.partial(), 0xddf2);
  EXPECT_EQ(sum.finished(), 0x220d);
}

TEST(Checksum, EqualsTheNaiveOneOnEveryLength) {
  SeededRandom random(2);
  for (std::size_t bytes = 0; bytes < 600; ++bytes) {
    Bytes data(bytes);
    random.fill(data);
    EXPECT_EQ(checksum(data), naive_checksum(data)) << bytes;
  }
  const Bytes ones(65535, 0xff);
  EXPECT_EQ(checksum(ones), naive_checksum(ones));
}

TEST(Checksum, PiecesAddUp) {
  Bytes data(501);
  SeededRandom(3).fill(data);
  for (std::size_t cut = 0; cut <= data.size(); cut += 2) {
    ChecksumSum sum;
    sum.add(ByteView{data}.first(cut));
    sum.add(ByteView{data}.subspan(cut));
    EXPECT_EQ(sum.finished(), naive_checksum(data)) << cut;
  }
}

TEST(Checksum, UpdateEqualsRecomputing) {
  SeededRandom random(4);
  for (int round = 0; round < 5000; ++round) {
    Bytes data(40);
    random.fill(data);
    const std::uint16_t before = checksum(data);
    const std::size_t at = random.below(20) * 2;
    const std::uint16_t old_word = load_be16(data.data() + at);
    const auto new_word = static_cast<std::uint16_t>(random.next_u32());
    store_be16(data.data() + at, new_word);
    const std::uint16_t after = update_checksum(before, old_word, new_word);
    EXPECT_EQ(after, checksum(data)) << round;
  }
}

TEST(Checksum, UpdateKeepsRfc1624Case) {
  // RFC 1624 §4: 0xdd2f with 0x5555 becoming 0x3285 is 0x0000, where RFC 1141 found 0xffff.
  EXPECT_EQ(update_checksum(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(Checksum, JudgesTcpAndUdpOfBothFamilies) {
  for (const bool tcp : {true, false}) {
    for (const char* source : {"10.10.0.101", "fd00::1"}) {
      for (std::size_t payload : {0, 1, 2, 99, 1400}) {
        const char* destination = source[0] == 'f' ? "fd00::2" : "10.10.0.102";
        Bytes packet = build(
            {.source = source, .destination = destination, .tcp = tcp, .payload = Bytes(payload, 0x5a)});
        EXPECT_TRUE(is_l4_checksum_right(*IpView::parse(packet)));
        packet.back() ^= 1;
        EXPECT_FALSE(is_l4_checksum_right(*IpView::parse(packet)));
      }
    }
  }
}

TEST(Checksum, AbsentUdpChecksumIsNotRight) {
  Bytes packet = build({.tcp = false, .payload = Bytes(4, 1)});
  packet[26] = packet[27] = 0;
  EXPECT_FALSE(is_l4_checksum_right(*IpView::parse(packet)));
}

TEST(Checksum, CompletesWhatTheKernelLeft) {
  const causeway::testing::PacketSpec spec{.tcp = false, .payload = Bytes(101, 0x33)};
  Bytes packet = causeway::testing::build_super_frame(spec, 101).packet;
  ASSERT_TRUE(complete_checksum(packet, 20, 6));
  EXPECT_EQ(packet, build(spec));
}

TEST(Checksum, CompletionStaysInside) {
  Bytes packet(40);
  EXPECT_TRUE(complete_checksum(packet, 32, 6));
  EXPECT_FALSE(complete_checksum(packet, 33, 6));
  EXPECT_FALSE(complete_checksum(packet, 41, 0));
  EXPECT_FALSE(complete_checksum(packet, 65535, 65535));
}

}  // namespace
}  // namespace causeway::packet
