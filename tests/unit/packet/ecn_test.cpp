#include "packet/ecn.hpp"

#include <gtest/gtest.h>

#include "packet/checksum.hpp"
#include "packet/ip_view.hpp"
#include "support/packet_builder.hpp"

namespace causeway::packet {
namespace {

/// The inner bits after decapsulation; -1: dropped.
int combined(std::uint8_t inner, std::uint8_t outer, bool is_v4) {
  testing::PacketSpec spec;
  if (!is_v4) spec.source = "fd00::101", spec.destination = "fd00::102";
  spec.tos = static_cast<std::uint8_t>(0xb8 | inner);
  Bytes packet = testing::build(spec);
  EXPECT_EQ(ecn_of(packet.data(), is_v4), inner);
  if (!decapsulate_ecn(packet.data(), is_v4, outer)) return -1;
  const std::uint8_t after = ecn_of(packet.data(), is_v4);
  spec.tos = static_cast<std::uint8_t>(0xb8 | after);
  EXPECT_EQ(packet, testing::build(spec)) << "nothing else has changed, and the checksum is right";
  return after;
}

TEST(Ecn, FollowsTheTableOfRfc6040) {
  // Rows: inner Not-ECT, ECT(0), ECT(1), CE. Columns: outer Not-ECT, ECT(0), ECT(1), CE.
  const std::uint8_t codepoints[] = {0, 2, 1, 3};
  const int table[4][4] = {{0, 0, 0, -1}, {2, 2, 1, 3}, {1, 1, 1, 3}, {3, 3, 3, 3}};
  for (const bool is_v4 : {true, false}) {
    for (int inner = 0; inner < 4; ++inner) {
      for (int outer = 0; outer < 4; ++outer)
        EXPECT_EQ(combined(codepoints[inner], codepoints[outer], is_v4), table[inner][outer])
            << inner << " in " << outer;
    }
  }
}

}  // namespace
}  // namespace causeway::packet
