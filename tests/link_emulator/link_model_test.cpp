#include "link_emulator/link_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace causeway::emulator {
namespace {

constexpr SteadyTime kStart{1000s};

Bytes packet(std::uint32_t number, std::size_t bytes = 100) {
  Bytes made(bytes);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&number), sizeof number, made.begin());
  return made;
}

struct Arrival {
  std::uint32_t number;
  Duration after;
  friend bool operator==(const Arrival&, const Arrival&) = default;
};

/// What comes of `count` packets, one each millisecond.
std::vector<Arrival> run(LinkModel& link, std::uint32_t count) {
  std::vector<Arrival> arrivals;
  const auto collect = [&](SteadyTime now) {
    while (auto due = link.poll(now)) {
      std::uint32_t number;
      std::copy_n(due->begin(), sizeof number, reinterpret_cast<std::uint8_t*>(&number));
      arrivals.push_back({number, now - (kStart + number * 1ms)});
    }
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    const SteadyTime now = kStart + i * 1ms;
    while (link.next_timeout() && *link.next_timeout() < now)
      collect(*link.next_timeout());
    link.on_packet(packet(i), now);
    collect(now);
  }
  while (link.next_timeout())
    collect(*link.next_timeout());
  return arrivals;
}

TEST(LinkModel, PassesEverythingAtOnceByDefault) {
  LinkModel link({}, 1);
  const auto arrivals = run(link, 100);
  ASSERT_EQ(arrivals.size(), 100u);
  for (std::uint32_t i = 0; i < 100; ++i)
    EXPECT_EQ(arrivals[i], (Arrival{i, 0ms}));
}

TEST(LinkModel, LosesAndDuplicatesTheWantedShare) {
  LinkModel link({.loss = 0.1, .duplicate = 0.05}, 1);
  const auto arrivals = run(link, 20000);
  const auto& counters = link.counters();
  EXPECT_NEAR(static_cast<double>(counters.lost), 2000, 200);
  EXPECT_NEAR(static_cast<double>(counters.duplicated), 900, 150);
  EXPECT_EQ(arrivals.size(), counters.in - counters.lost + counters.duplicated);
}

TEST(LinkModel, DelayAndJitterKeepTheOrder) {
  LinkModel link({.delay = 20ms, .jitter = 10ms}, 1);
  const auto arrivals = run(link, 1000);
  ASSERT_EQ(arrivals.size(), 1000u);
  Duration longest{};
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(arrivals[i].number, i);
    EXPECT_GE(arrivals[i].after, 20ms);
    EXPECT_LE(arrivals[i].after, 30ms);
    longest = std::max(longest, arrivals[i].after);
  }
  EXPECT_GT(longest, 28ms);
}

TEST(LinkModel, ReorderedPacketsAreOvertaken) {
  LinkModel link({.reorder = 0.1, .reorder_by = 5ms}, 1);
  const auto arrivals = run(link, 1000);
  std::size_t late = 0;
  for (std::size_t i = 1; i < arrivals.size(); ++i)
    late += arrivals[i].number < arrivals[i - 1].number;
  EXPECT_EQ(arrivals.size(), 1000u);
  EXPECT_NEAR(static_cast<double>(late), static_cast<double>(link.counters().held_back), 15);
  EXPECT_NEAR(static_cast<double>(late), 100, 40);
}

TEST(LinkModel, ARateLetsPacketsQueueAndThenLosesThem) {
  // 100 bytes each millisecond are twice the rate; 10 of them may wait.
  LinkModel link({.bits_per_second = 400'000, .queue_bytes = 1000}, 1);
  const auto arrivals = run(link, 1000);
  EXPECT_NEAR(static_cast<double>(arrivals.size()), 510, 5);
  EXPECT_EQ(link.counters().queue_full, 1000 - arrivals.size());
  for (const Arrival& arrival : arrivals)
    EXPECT_LE(arrival.after, 22ms);
}

TEST(LinkModel, ACutLinkPassesNothingUntilItIsHealed) {
  LinkModel link({.is_cut = true}, 1);
  EXPECT_TRUE(run(link, 10).empty());
  link.set({});
  EXPECT_EQ(run(link, 10).size(), 10u);
}

TEST(LinkModel, TheSameSeedGivesTheSame) {
  const LinkOptions options{.loss = 0.2, .duplicate = 0.2, .reorder = 0.2, .delay = 3ms, .jitter = 4ms};
  LinkModel a(options, 5), b(options, 5), c(options, 6);
  const auto first = run(a, 500);
  EXPECT_EQ(first, run(b, 500));
  EXPECT_NE(first, run(c, 500));
}

}  // namespace
}  // namespace causeway::emulator
