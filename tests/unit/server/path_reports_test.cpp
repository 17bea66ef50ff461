// What is made of the reports of honest nodes, of liars, and of many (spec S5, V6).
#include "server/src/core/path_reports.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace causeway::server {
namespace {

using protocol::PathReport;
using protocol::PathState;

net::IpAddress ip(const std::string& text) { return net::IpAddress::parse(text).value(); }

class PathReportsTest : public testing::Test {
 protected:
  static crypto::IdentityPublicKey node(std::uint8_t number) {
    crypto::IdentityPublicKey key;
    key.bytes.fill(number);
    return key;
  }
  static PathReport path(std::uint32_t rtt_ms, const std::string& remote = "198.51.100.9") {
    PathReport report;
    report.peer = ip("10.10.0.9");
    report.local = ip("203.0.113.5");
    report.remote = ip(remote);
    report.local_type = report.remote_type = "host";
    report.transport = "udp";
    report.rtt_us = rtt_ms * 1000;
    return report;
  }
  static PathClass class_of(const PathReport& report) {
    return make_path_class(*side_of(report.local, report.local_type, {}),
                           *side_of(report.remote, report.remote_type, {}));
  }
  void put(std::uint8_t from, const std::string& user, const PathReport& report, std::uint8_t peer = 99) {
    reports.put(node(from), user, node(peer), report, class_of(report), now);
  }
  std::optional<PathReports::Opinion> opinion(std::uint8_t asker, const std::string& user = "ann") {
    return reports.opinion(node(asker), user, class_of(path(0)), now);
  }

  PathReports reports;
  SteadyTime now{1h};
};

TEST_F(PathReportsTest, OthersAreHeardAndNobodyHearsHimself) {
  put(1, "ann", path(20));
  put(2, "ann", path(20));
  EXPECT_FALSE(opinion(1)) << "one other node is not enough";
  const auto told = opinion(3);
  ASSERT_TRUE(told);
  EXPECT_NEAR(told->score, 830'000, 10'000) << "1,000,000 × 100 / (100 + 20)";
  EXPECT_EQ(told->confidence, 500u);
  put(3, "ann", path(20));
  put(4, "ann", path(20));
  EXPECT_EQ(opinion(5)->confidence, 650u) << "1000 × 4 / 6, in steps of 50";
}

TEST_F(PathReportsTest, WorsePathsScoreLower) {
  auto lossy = path(20);
  lossy.loss_permille = 80;
  auto shaky = path(20);
  shaky.jitter_us = 30'000;
  auto lost = path(20);
  lost.state = PathState::lost;
  auto unknown = path(20);
  unknown.rtt_us.reset();
  EXPECT_GT(score_of(path(20)), score_of(path(40)));
  EXPECT_GT(score_of(path(40)), score_of(shaky));
  EXPECT_GT(score_of(shaky), score_of(lossy));
  EXPECT_GT(score_of(lossy), score_of(lost));
  EXPECT_FALSE(score_of(unknown));
}

TEST_F(PathReportsTest, BothDirectionsAreOne) {
  auto back = path(20);
  std::swap(back.local, back.remote);
  EXPECT_EQ(class_of(back), class_of(path(20)));
  put(1, "ann", path(20));
  put(2, "ann", back);
  EXPECT_TRUE(opinion(3));
}

TEST_F(PathReportsTest, OneLiarAmongThreeMovesNothing) {
  for (const std::uint8_t honest : {1, 2, 3})
    put(honest, "ann", path(20));
  const auto before = opinion(9);
  for (const std::uint32_t lie : {0u, 60'000u}) {
    put(3, "ann", path(lie));
    EXPECT_EQ(opinion(9)->score, before->score);
    EXPECT_EQ(opinion(9)->confidence, before->confidence);
  }
}

TEST_F(PathReportsTest, TwoThatContradictEachOtherAreNotBelieved) {
  put(1, "ann", path(5));
  put(2, "ann", path(2000));
  ASSERT_TRUE(opinion(9));
  EXPECT_EQ(opinion(9)->confidence, 0u);
}

TEST_F(PathReportsTest, AnotherUserHasOneVoiceHoweverManyNodesHeHas) {
  put(1, "ann", path(20));
  put(2, "bob", path(20));
  put(3, "carl", path(20));
  for (std::uint8_t i = 10; i < 100; ++i)
    put(i, "mallory", path(5000));
  const auto told = opinion(9, "ann");
  ASSERT_TRUE(told);
  EXPECT_NEAR(told->score, 830'000, 10'000);
  // Alone he has nothing to say, and his crowd takes nobody's place.
  reports.take_back(node(1));
  reports.take_back(node(2));
  reports.take_back(node(3));
  EXPECT_FALSE(opinion(9, "ann"));
  for (std::uint8_t i = 1; i < 4; ++i)
    put(i, "user" + std::to_string(i), path(20));
  EXPECT_NEAR(opinion(9, "ann")->score, 830'000, 10'000);
}

TEST_F(PathReportsTest, ManyPathsOfOneNodeAreOneVoice) {
  for (int i = 1; i < 100; ++i)
    put(1, "ann", path(1000, "198.51.100." + std::to_string(i)));
  EXPECT_FALSE(opinion(9));
  put(2, "ann", path(20));
  put(3, "ann", path(20));
  EXPECT_NEAR(opinion(9)->score, 830'000, 10'000);
}

TEST_F(PathReportsTest, TheLastOfEachCounts) {
  put(1, "ann", path(500));
  put(1, "ann", path(20));
  put(2, "ann", path(20));
  EXPECT_EQ(reports.path_count(), 2u);
  EXPECT_NEAR(opinion(9)->score, 830'000, 10'000);
  ASSERT_EQ(reports.of(node(1)).size(), 1u);
  EXPECT_EQ(reports.of(node(1))[0].path, path(20));
}

TEST_F(PathReportsTest, OldReportsCountForNothing) {
  put(1, "ann", path(20));
  put(2, "ann", path(20));
  now += PathReports::kLifetime - 1s;
  EXPECT_TRUE(opinion(9));
  put(1, "ann", path(20));
  now += 1s;
  EXPECT_FALSE(opinion(9)) << "though nobody has swept yet";
  reports.expire(now);
  EXPECT_EQ(reports.path_count(), 1u);
  now += PathReports::kLifetime;
  reports.expire(now);
  EXPECT_EQ(reports.path_count(), 0u);
  EXPECT_EQ(reports.class_count(), 0u);
  EXPECT_EQ(reports.node_count(), 0u);
}

TEST_F(PathReportsTest, WhoIsGoneIsForgottenOnBothEnds) {
  put(1, "ann", path(20), 50);
  put(2, "ann", path(20), 50);
  put(2, "ann", path(20, "198.51.100.10"), 51);
  reports.forget(node(50));
  EXPECT_EQ(reports.path_count(), 1u);
  EXPECT_FALSE(opinion(9));
  put(1, "ann", path(20), 51);
  ASSERT_TRUE(opinion(9));
  reports.forget(node(1));
  EXPECT_FALSE(opinion(9));
  EXPECT_TRUE(reports.of(node(1)).empty());
}

TEST_F(PathReportsTest, ANodeKeepsItsShareAndNoMore) {
  for (int i = 0; i < 1000; ++i) {
    now += 1ms;
    put(1, "ann", path(20, "198.51." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1)));
  }
  EXPECT_EQ(reports.path_count(), PathReports::kMaxPathsOfNode);
  EXPECT_EQ(reports.dropped(), 1000 - PathReports::kMaxPathsOfNode);
  for (const auto& kept : reports.of(node(1)))
    EXPECT_EQ(kept.path.remote.to_string().substr(0, 9), "198.51.3.") << "the newest";
}

TEST_F(PathReportsTest, AnUnknownClassIsKeptAndNotCounted) {
  reports.put(node(1), "ann", node(99), path(20), {}, now);
  EXPECT_EQ(reports.path_count(), 1u);
  EXPECT_EQ(reports.class_count(), 0u);
  reports.take_back(node(1));
  EXPECT_EQ(reports.path_count(), 0u);
}

TEST_F(PathReportsTest, ReportsHaveARate) {
  unsigned taken = 0;
  for (int i = 0; i < 100; ++i)
    taken += reports.wait_before_report_ms(node(1), now) == 0 ? 1 : 0;
  EXPECT_EQ(taken, 4u);
  const auto wait = reports.wait_before_report_ms(node(1), now);
  EXPECT_NEAR(wait, 5000, 2);
  EXPECT_EQ(reports.wait_before_report_ms(node(2), now), 0u);
  now += std::chrono::milliseconds(wait);
  EXPECT_EQ(reports.wait_before_report_ms(node(1), now), 0u);
}

TEST(PathSides, PrivateAddressesBelongToTheirSite) {
  const auto home = side_of(ip("192.168.1.10"), "host", ip("203.0.113.5"));
  EXPECT_EQ(home, side_of(ip("192.168.1.99"), "host", ip("203.0.113.5")));
  EXPECT_NE(home, side_of(ip("192.168.1.10"), "host", ip("203.0.113.6"))) << "another household";
  EXPECT_FALSE(side_of(ip("192.168.1.10"), "host", {}));
  EXPECT_EQ(side_of(ip("203.0.113.5"), "srflx", {}), side_of(ip("203.0.113.77"), "prflx", ip("192.0.2.1")));
  EXPECT_NE(side_of(ip("203.0.113.5"), "relay", {}), side_of(ip("203.0.113.5"), "host", {}));
  EXPECT_EQ(side_of(ip("2001:db8:1:2::1"), "host", {})->block.to_string(), "2001:db8:1::/48");
  EXPECT_EQ(side_of(ip("fe80::1"), "host", ip("2001:db8:1:2::1"))->site->to_string(), "2001:db8:1:2::/64");
}

TEST(PathSides, AreEachOnceAndNotTooMany) {
  std::vector<protocol::WireCandidate> candidates;
  for (int i = 0; i < 100; ++i)
    candidates.push_back({"host", "udp", {ip("203.0." + std::to_string(i / 2) + ".1"), 1}, "1", 1});
  const auto sides = sides_of(candidates, ip("203.0.0.9"));
  EXPECT_EQ(sides.size(), kMostSides);
  for (std::size_t i = 0; i < sides.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_NE(sides[i], sides[j]);
  }
}

/// Whatever comes, the counts agree with what there is.
TEST_F(PathReportsTest, AnyOrderOfEventsLeavesNothingBehind) {
  SeededRandom random{5};
  for (int step = 0; step < 4000; ++step) {
    const auto who = static_cast<std::uint8_t>(random.below(40));
    switch (random.below(8)) {
      case 0:
        reports.take_back(node(who));
        break;
      case 1:
        reports.forget(node(who));
        break;
      case 2:
        now += std::chrono::seconds(random.below(60));
        reports.expire(now);
        break;
      default: {
        auto report = path(static_cast<std::uint32_t>(random.below(1000)),
                           "198.51." + std::to_string(random.below(4)) + ".9");
        report.local = ip("203.0.113." + std::to_string(1 + random.below(5)));
        put(who, "user" + std::to_string(random.below(3)), report,
            static_cast<std::uint8_t>(random.below(40)));
        opinion(who);
      }
    }
    if (step % 16 != 0) continue;
    std::size_t paths = 0;
    for (std::uint8_t i = 0; i < 40; ++i)
      paths += reports.of(node(i)).size();
    ASSERT_EQ(paths, reports.path_count());
  }
  for (std::uint8_t i = 0; i < 40; ++i)
    reports.forget(node(i));
  EXPECT_EQ(reports.path_count(), 0u);
  EXPECT_EQ(reports.class_count(), 0u);
}

}  // namespace
}  // namespace causeway::server
