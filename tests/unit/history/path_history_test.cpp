#include "history/path_history.hpp"

#include <gtest/gtest.h>

#include "history/path_figures.hpp"
#include "history/path_key.hpp"

namespace causeway::history {
namespace {

const WallTime kStart{std::chrono::seconds(1'700'000'000)};

crypto::IdentityPublicKey peer(std::uint8_t number) {
  crypto::IdentityPublicKey key;
  key.bytes[31] = number;
  return key;
}

store::PathKey key_to(const char* remote, const char* network = "eth0 192.168.0.0/24") {
  return {.network = network,
          .transport = "udp",
          .relay = {},
          .remote = remote_block(*net::IpAddress::parse(remote))};
}

class PathHistoryTest : public ::testing::Test {
 protected:
  void work(std::uint8_t number, const char* remote, Duration time) {
    auto& record = history_.record(peer(number), key_to(remote), now_);
    add_working_time(record, time, now_);
  }
  std::optional<path::History> find(std::uint8_t number, const char* remote) {
    return history_.find(peer(number), key_to(remote), now_);
  }

  PathHistory history_{{.peers = 3, .paths_per_peer = 2, .paths = 5}, {}, kStart};
  WallTime now_ = kStart;
};

TEST_F(PathHistoryTest, WhatWasNeverSeenIsNotKnown) {
  EXPECT_EQ(find(1, "203.0.113.1"), std::nullopt);
  EXPECT_FALSE(history_.has_news());
}

TEST_F(PathHistoryTest, FiguresAreAveragesOfAllProbes) {
  auto& record = history_.record(peer(1), key_to("203.0.113.1"), now_);
  add_probes(record, 3, 0, 10ms, 1ms, now_);
  add_probes(record, 1, 1, 50ms, 5ms, now_);
  ++record.successes;
  add_rate(record, 1000, now_);
  add_rate(record, 400, now_);
  add_working_time(record, 90s, now_);
  const auto view = find(1, "203.0.113.1");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->scope, path::History::Scope::same);
  EXPECT_EQ(view->rtt, 20ms);
  EXPECT_EQ(view->jitter, 2ms);
  EXPECT_DOUBLE_EQ(*view->loss, 0.2);
  EXPECT_DOUBLE_EQ(view->samples, 5);
  EXPECT_EQ(view->rate_bytes_per_s, 1000U);
  EXPECT_EQ(view->working_time, 90s);
  EXPECT_EQ(view->last_used_ago, Duration::zero());
  EXPECT_TRUE(history_.has_news());
}

TEST_F(PathHistoryTest, WhatNeverWorkedHasNoFigures) {
  history_.record(peer(1), key_to("203.0.113.1"), now_).failures += 1;
  const auto view = find(1, "203.0.113.1");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->failures, 1);
  EXPECT_EQ(view->rtt, std::nullopt);
  EXPECT_EQ(view->loss, std::nullopt);
  EXPECT_EQ(view->rate_bytes_per_s, std::nullopt);
  EXPECT_EQ(view->last_used_ago, Duration::max());
}

TEST_F(PathHistoryTest, HalfIsLeftAfterAHalfLifeAndAveragesStay) {
  auto& record = history_.record(peer(1), key_to("203.0.113.1"), now_);
  add_probes(record, 90, 10, 20ms, 2ms, now_);
  record.successes = 8;
  record.disconnects = 4;
  add_rate(record, 6000, now_);
  add_working_time(record, 1000s, now_);
  now_ += kHalfLife;
  const auto view = find(1, "203.0.113.1");
  ASSERT_TRUE(view);
  EXPECT_NEAR(view->samples, 50, 1e-6);
  EXPECT_NEAR(view->successes, 4, 1e-6);
  EXPECT_NEAR(view->disconnects, 2, 1e-6);
  EXPECT_EQ(view->rate_bytes_per_s, 3000U);
  EXPECT_EQ(view->working_time, 500s);
  EXPECT_EQ(view->last_used_ago, kHalfLife);
  EXPECT_EQ(view->rtt, 20ms);
  EXPECT_NEAR(*view->loss, 0.1, 1e-9);
}

TEST_F(PathHistoryTest, NewProbesOutweighFadedOnes) {
  auto& record = history_.record(peer(1), key_to("203.0.113.1"), now_);
  add_probes(record, 100, 0, 100ms, 0ms, now_);
  now_ += 2 * kHalfLife;  // 25 are left
  add_probes(record, 75, 0, 20ms, 0ms, now_);
  EXPECT_NEAR(record.rtt_us, 40'000, 1e-3);
}

TEST_F(PathHistoryTest, AClockThatWasSetBackFadesNothing) {
  auto& record = history_.record(peer(1), key_to("203.0.113.1"), now_);
  add_probes(record, 10, 0, 10ms, 0ms, now_);
  add_working_time(record, 10s, now_ - 9000h);
  EXPECT_DOUBLE_EQ(record.answers, 10);
  EXPECT_EQ(record.updated, now_);
}

TEST_F(PathHistoryTest, AnotherAddressOfTheBlockIsNear) {
  work(1, "203.0.113.1", 10s);
  const auto view = find(1, "203.0.113.77");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->scope, path::History::Scope::near);
  EXPECT_EQ(find(1, "203.0.114.1"), std::nullopt);
  EXPECT_EQ(find(2, "203.0.113.1"), std::nullopt) << "another peer";
  EXPECT_EQ(history_.find(peer(1), key_to("203.0.113.1", "wlan0 10.0.0.0/24"), now_), std::nullopt)
      << "another network of ours";
  auto relayed = key_to("203.0.113.1");
  relayed.transport = "turn-udp";
  EXPECT_EQ(history_.find(peer(1), relayed, now_), std::nullopt);
}

TEST_F(PathHistoryTest, OfSeveralNearOnesTheMostWorthCounts) {
  work(1, "203.0.113.1", 10s);
  work(1, "203.0.113.2", 500s);
  EXPECT_EQ(find(1, "203.0.113.77")->working_time, 500s);
}

TEST_F(PathHistoryTest, APeersLeastUsefulPathGivesWay) {
  work(1, "203.0.113.1", 500s);
  work(1, "198.51.100.1", 10s);
  work(1, "192.0.2.1", 20s);
  EXPECT_TRUE(find(1, "203.0.113.1"));
  EXPECT_FALSE(find(1, "198.51.100.1"));
  EXPECT_TRUE(find(1, "192.0.2.1"));
  EXPECT_EQ(history_.path_count(), 2U);
}

TEST_F(PathHistoryTest, ThePeerThatIsWorthLeastGivesWay) {
  work(1, "203.0.113.1", 500s);
  work(2, "203.0.113.1", 10s);
  work(3, "203.0.113.1", 300s);
  work(4, "203.0.113.1", 1s);
  EXPECT_EQ(history_.peers().size(), 3U);
  EXPECT_FALSE(find(2, "203.0.113.1"));
  EXPECT_TRUE(find(4, "203.0.113.1")) << "the newest comes in whatever it is worth";
}

TEST_F(PathHistoryTest, ManyPathsInAllPushOutAPeer) {
  for (std::uint8_t number = 1; number <= 3; ++number) {
    work(number, "203.0.113.1", 100s * number);
    work(number, "198.51.100.1", 100s * number);
  }
  EXPECT_EQ(history_.path_count(), 4U);
  EXPECT_FALSE(find(1, "203.0.113.1"));
  EXPECT_TRUE(find(3, "198.51.100.1"));
}

TEST_F(PathHistoryTest, WorthFadesSoThatOldGiantsDoNotStayForEver) {
  work(1, "203.0.113.1", 10'000s);
  now_ += 20 * kHalfLife;
  work(1, "198.51.100.1", 10s);
  work(1, "192.0.2.1", 10s);
  EXPECT_FALSE(find(1, "203.0.113.1"));
}

TEST_F(PathHistoryTest, WhatIsOldIsForgotten) {
  history_.set_forget_after(24h * 10, now_);
  work(1, "203.0.113.1", 10s);
  now_ += 24h * 6;
  work(1, "198.51.100.1", 10s);
  now_ += 24h * 5;
  (void)history_.snapshot();
  history_.forget_old(now_);
  EXPECT_FALSE(find(1, "203.0.113.1"));
  EXPECT_TRUE(find(1, "198.51.100.1"));
  EXPECT_TRUE(history_.has_news()) << "what was dropped goes from the disk, too";
  history_.set_forget_after(1h, now_);
  EXPECT_TRUE(history_.peers().empty());
}

TEST_F(PathHistoryTest, ASnapshotMakesTheSameStoreAgain) {
  work(1, "203.0.113.1", 10s);
  work(2, "2001:db8:1:2:3::9", 20s);
  history_.set_name(peer(1), "one");
  const auto snapshot = history_.snapshot();
  EXPECT_FALSE(history_.has_news());
  PathHistory again({}, snapshot, now_);
  EXPECT_EQ(again.snapshot(), snapshot);
  EXPECT_EQ(again.path_count(), 2U);
  EXPECT_EQ(again.peers().at(peer(1)).name, "one");
  EXPECT_TRUE(again.find(peer(2), key_to("2001:db8:1:2:ffff::1"), now_)) << "the /64 is one";
}

TEST_F(PathHistoryTest, WhatWasStoredTooLongAgoIsNotTakenOver) {
  work(1, "203.0.113.1", 10s);
  PathHistory again({.forget_after = 24h}, history_.snapshot(), now_ + 25h);
  EXPECT_TRUE(again.peers().empty());
}

TEST_F(PathHistoryTest, ExpectedCostPutsAClearRelayBeforeALossyLine) {
  auto& lossy = history_.record(peer(1), key_to("203.0.113.1"), now_);
  add_probes(lossy, 92, 8, 20ms, 5ms, now_);
  lossy.successes = 1;
  EXPECT_NEAR(*history_.expected_cost(peer(1), key_to("203.0.113.1"), now_), 20 + 20 + 160, 1e-6);
  auto& clear = history_.record(peer(1), key_to("198.51.100.1"), now_);
  add_probes(clear, 100, 0, 60ms, 1ms, now_);
  clear.successes = 1;
  EXPECT_NEAR(*history_.expected_cost(peer(1), key_to("198.51.100.1"), now_), 64, 1e-6);
}

TEST_F(PathHistoryTest, WhatFailsMoreOftenThanItWorksHasNoCost) {
  auto& record = history_.record(peer(1), key_to("203.0.113.1"), now_);
  EXPECT_EQ(history_.expected_cost(peer(1), key_to("203.0.113.1"), now_), std::nullopt);
  add_probes(record, 10, 0, 20ms, 0ms, now_);
  record.successes = 2;
  record.failures = 3;
  EXPECT_EQ(history_.expected_cost(peer(1), key_to("203.0.113.1"), now_), std::nullopt);
}

TEST(NetworkName, StaysThroughWhatARenewalChanges) {
  const auto prefix = *net::Prefix::parse("192.168.1.0/24");
  EXPECT_EQ(network_name("wlan0", prefix, net::IpAddress::parse("192.168.1.1")),
            "wlan0 192.168.1.0/24 via 192.168.1.1");
  EXPECT_EQ(network_name("eth0", prefix, {}), "eth0 192.168.1.0/24");
  EXPECT_EQ(network_name("", prefix, {}), "192.168.1.0/24");
}

TEST(NetworkName, ARouterThatShowsItsHardwareNamesTheNetworkWhateverThePrefix) {
  const auto router = net::IpAddress::parse("fe80::a00:27ff:fe11:2233");
  const auto today = *net::Prefix::parse("2001:db8:1::/64"),
             tomorrow = *net::Prefix::parse("2001:db8:2::/64");
  EXPECT_EQ(network_name("wlan0", today, router), network_name("wlan0", tomorrow, router));
  const auto common = net::IpAddress::parse("fe80::1");
  EXPECT_NE(network_name("wlan0", today, common), network_name("wlan0", tomorrow, common));
}

TEST(NetworkName, IsBounded) {
  EXPECT_LE(network_name(std::string(500, 'x'), *net::Prefix::parse("10.0.0.0/8"), {}).size(),
            store::kMaxNetworkNameBytes);
}

}  // namespace
}  // namespace causeway::history
