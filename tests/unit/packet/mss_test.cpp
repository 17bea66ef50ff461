#include "packet/mss.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "packet/byte_order.hpp"
#include "packet/checksum.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

using causeway::testing::build;
using causeway::testing::PacketSpec;

constexpr std::uint8_t kSyn = 0x02;

PacketSpec syn(Bytes options) { return {.tcp_flags = kSyn, .tcp_options = std::move(options)}; }

Bytes clamped(Bytes packet, std::size_t most, bool is_partial = false) {
  clamp_mss(packet, *IpView::parse(packet), most, is_partial);
  return packet;
}

TEST(ClampMss, LowersWhatIsTooMuch) {
  EXPECT_EQ(clamped(build(syn({2, 4, 0x05, 0xb4})), 1400), build(syn({2, 4, 0x05, 0x50})));
  PacketSpec v6 = syn({2, 4, 0x05, 0xb4});
  v6.source = "fd00::101", v6.destination = "fd00::102";
  PacketSpec lower = v6;
  lower.tcp_options = {2, 4, 0x05, 0x3c};
  EXPECT_EQ(clamped(build(v6), 1400), build(lower));
}

TEST(ClampMss, FindsTheOptionAtAnyPlace) {
  EXPECT_EQ(clamped(build(syn({1, 2, 4, 0x05, 0xb4, 1, 1, 0})), 1400),
            build(syn({1, 2, 4, 0x05, 0x50, 1, 1, 0})))
      << "at an odd place, which turns the checksum's words around";
  EXPECT_EQ(clamped(build(syn({8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x05, 0xb4, 0, 0})), 1400),
            build(syn({8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x05, 0x50, 0, 0})));
}

TEST(ClampMss, LeavesEverythingElseAlone) {
  const Bytes fits = build(syn({2, 4, 0x05, 0x50}));
  EXPECT_EQ(clamped(fits, 1400), fits);
  PacketSpec no_syn = syn({2, 4, 0x05, 0xb4});
  no_syn.tcp_flags = 0x10;
  EXPECT_EQ(clamped(build(no_syn), 1400), build(no_syn));
  for (const Bytes& options : {Bytes{}, Bytes{0, 0, 0, 0}, Bytes{2, 3, 9, 1}, Bytes{8, 0, 1, 1},
                               Bytes{5, 9, 1, 1}, Bytes{1, 1, 1, 2}, Bytes{0, 2, 4, 9}}) {
    EXPECT_EQ(clamped(build(syn(options)), 1400), build(syn(options)));
  }
  const Bytes udp = build({.tcp = false, .payload = Bytes(30, 2)});
  EXPECT_EQ(clamped(udp, 100), udp);
}

TEST(ClampMss, NeverGoesBelowWhatEveryHostTakes) {
  EXPECT_EQ(clamped(build(syn({2, 4, 0x05, 0xb4})), 100), build(syn({2, 4, 0x02, 0x18})));
  const Bytes small = build(syn({2, 4, 0x01, 0x00}));
  EXPECT_EQ(clamped(small, 100), small);
}

TEST(ClampMss, APartialChecksumStaysPartial) {
  const Bytes packet = build(syn({2, 4, 0x05, 0xb4}));
  const Bytes after = clamped(packet, 1400, true);
  EXPECT_EQ(load_be16(after.data() + 36), load_be16(packet.data() + 36));
  EXPECT_EQ(load_be16(after.data() + 42), 1360);
}

TEST(ClampMss, AnyBytesStayWithinBounds) {
  SeededRandom random(6);
  for (int i = 0; i < 100000; ++i) {
    Bytes packet = build({.tcp_flags = kSyn, .payload = Bytes(random.below(40))});
    random.fill(MutableByteView{packet}.subspan(20));
    packet[33] |= kSyn;
    clamp_mss(packet, *IpView::parse(packet), 1400, false);
  }
}

}  // namespace
}  // namespace causeway::packet
