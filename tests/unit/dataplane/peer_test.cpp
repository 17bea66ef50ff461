#include "dataplane/peer.hpp"

#include <gtest/gtest.h>

namespace causeway::dataplane {
namespace {

const net::Endpoint kV4 = net::Endpoint::parse("192.0.2.1:1").value();
const net::Endpoint kV6 = net::Endpoint::parse("[2001:db8::1]:1").value();

TEST(InnerLimit, SealedItFitsThePathAndNothingLongerDoes) {
  for (unsigned mtu = 576; mtu <= 9000; ++mtu) {
    for (const auto& remote : {kV4, kV6}) {
      const std::size_t outer = remote.address.is_v4() ? 28 : 48;
      const std::size_t limit = inner_limit(static_cast<std::uint16_t>(mtu), remote);
      ASSERT_LE(session::Keypair::sealed_bytes(limit, limit) + outer, mtu);
      ASSERT_GT(session::Keypair::sealed_bytes(limit + 1, limit) + outer, mtu);
    }
  }
}

TEST(InnerLimit, StaysUsableAtTheEdges) {
  EXPECT_EQ(inner_limit(1500, kV4), 1440u);
  EXPECT_EQ(inner_limit(1500, kV6), 1420u) << "WireGuard's default MTU is made for this";
  EXPECT_EQ(inner_limit(0, kV4), 64u);
  EXPECT_LE(session::Keypair::sealed_bytes(inner_limit(65535, kV4)), 65507u);
}

TEST(CompactLimit, LeavesRoomForHeaderAndTag) {
  EXPECT_EQ(compact_limit(1500, kV4), 1448u);
  EXPECT_EQ(compact_limit(1500, kV6), 1428u);
  EXPECT_EQ(compact_limit(0, kV4), 64u);
}

TEST(NextLowerMtu, AlwaysGoesDown) {
  EXPECT_EQ(next_lower_mtu(1500), 1492);
  EXPECT_EQ(next_lower_mtu(1428), 1400);
  EXPECT_EQ(next_lower_mtu(600), 576);
  for (std::size_t bytes = 600; bytes < 65535; ++bytes)
    ASSERT_LT(next_lower_mtu(bytes), bytes);
}

}  // namespace
}  // namespace causeway::dataplane
