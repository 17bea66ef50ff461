// plugins/priority-ice as the daemon runs it.
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;
using enum ice::CandidateType;

class PriorityIce : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = world_.host().load(shipped_plugin("priority-ice"), world_.now());
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(world_.host().use({{"priority-ice"}}, world_.now()));
  }
  HostWorld world_;
};

constexpr std::uint32_t priority(std::uint32_t type, std::uint32_t local) {
  return (type << 24) + (local << 8) + 255;
}

TEST_F(PriorityIce, RanksCandidatesByTheRfc) {
  auto mapped = make_candidate(server_reflexive, "203.0.113.9:41641", 1);
  mapped.base_address = *net::Endpoint::parse("192.168.0.100:41641");
  EXPECT_EQ(world_.rank({make_candidate(host, "192.168.0.100:41641", 1), mapped,
                         make_candidate(host, "192.168.1.7:41641", 2),
                         make_candidate(peer_reflexive, "192.0.2.1:1", 2),
                         make_candidate(relayed, "198.51.100.3:50000", 4)}),
            (std::vector<std::uint32_t>{priority(126, 65535), priority(100, 65535), priority(126, 65534),
                                        priority(110, 65534), priority(0, 65533)}));
}

TEST_F(PriorityIce, AlternatesFamiliesWithIpv6FirstAndLinkLocalLast) {
  EXPECT_EQ(
      world_.rank({make_candidate(host, "[fe80::1]:1", 1), make_candidate(host, "192.0.2.1:1", 2),
                   make_candidate(host, "192.0.2.2:1", 3), make_candidate(host, "[2001:db8::1]:1", 4),
                   make_candidate(host, "[2001:db8::2]:1", 5), make_candidate(host, "169.254.1.1:1", 6)}),
      (std::vector<std::uint32_t>{priority(126, 65531), priority(126, 65534), priority(126, 65532),
                                  priority(126, 65535), priority(126, 65533), priority(126, 65530)}));
}

TEST_F(PriorityIce, ScoresPairsInTheirOrderWithAReason) {
  auto relay = make_path(3, 0x00fffffe02000000);
  relay.local.type = relayed;
  const auto ranking =
      world_.score("peer", {make_path(1, 0x7e0000ff7e0000ff), make_path(2, 0x6400000064000000), relay});
  ASSERT_EQ(ranking.scores.size(), 3U);
  EXPECT_EQ(ranking.stack, "priority-ice");
  EXPECT_EQ(ranking.scores[0].score, 1'000'000);
  EXPECT_EQ(ranking.scores[1].score, 666'666);
  EXPECT_EQ(ranking.scores[2].score, 333'333);
  EXPECT_EQ(ranking.scores[0].reason, "host pair, highest ICE priority 0x7e0000ff7e0000ff");
  EXPECT_EQ(ranking.scores[2].reason, "relay-host pair, place 3 of 3 by ICE priority 0x00fffffe02000000");
  EXPECT_FALSE(ranking.ask_again_after);
}

TEST_F(PriorityIce, MeasurementsDoNotMatter) {
  auto slow = make_path(1, 2);
  slow.measured = {.rtt = 2s, .jitter = 1s, .loss = 0.9, .probes = 10, .disconnects = 5};
  const auto ranking = world_.score("peer", {slow, make_path(2, 1)});
  EXPECT_GT(ranking.scores[0].score, ranking.scores[1].score);
}

TEST_F(PriorityIce, ManyPairsKeepTheirOrder) {
  std::vector<path::PathView> paths;
  for (std::uint32_t i = 0; i < 1000; ++i)
    paths.push_back(make_path(i, i * 0x0000000100000001ULL));
  const auto ranking = world_.score("peer", paths);
  for (std::uint32_t i = 1; i < 1000; ++i)
    EXPECT_LT(ranking.scores[i - 1].score, ranking.scores[i].score);
}

}  // namespace
}  // namespace causeway::plugin
