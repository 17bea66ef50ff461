#include "dataplane/tun_writer.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/fake_tun.hpp"

namespace causeway::dataplane {
namespace {

using causeway::testing::build_super_frame;
using causeway::testing::FakeTun;
using causeway::testing::naive_segments;
using causeway::testing::PacketSpec;

struct TunWriterTest : ::testing::Test {
  FakeTun tun;
  DropCounters drops;
};

TEST_F(TunWriterTest, JoinsOnlyWhatTheKernelTakes) {
  tun.kernel = {.checksum = true, .tso = true, .uso = false};
  const auto offloads = TunWriter(tun, drops).offloads();
  EXPECT_TRUE(offloads.tcp);
  EXPECT_FALSE(offloads.udp);
}

TEST_F(TunWriterTest, ARefusedSuperFrameGoesInPiecesAndIsNotMadeAgain) {
  tun.super_frame_error = EINVAL;
  TunWriter writer(tun, drops);
  const PacketSpec spec{.tcp = false, .payload = Bytes(500, 1)};
  auto frame = build_super_frame(spec, 100);
  writer.write_frame(frame.header, frame.packet, 5);
  ASSERT_EQ(tun.written.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(tun.written[i].packet, naive_segments(spec, 100)[i]);
  EXPECT_EQ(drops.get(DropReason::tun_write_failed), 0u);
  EXPECT_FALSE(writer.offloads().udp);
  EXPECT_TRUE(writer.offloads().tcp);
}

TEST_F(TunWriterTest, ADeviceThatIsDownCostsAllPacketsOfTheFrame) {
  tun.write_error = EIO;
  TunWriter writer(tun, drops);
  auto frame = build_super_frame({.payload = Bytes(500, 1)}, 100);
  writer.write_frame(frame.header, frame.packet, 5);
  EXPECT_EQ(drops.get(DropReason::tun_write_failed), 5u);
  EXPECT_TRUE(writer.offloads().tcp);
}

}  // namespace
}  // namespace causeway::dataplane
