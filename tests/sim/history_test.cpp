// What nodes learn of their paths, over restarts (spec U3.5, V6).

#include <gtest/gtest.h>

#include "history/path_history.hpp"
#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

/// By what is remembered alone.
std::vector<path::Score> by_history(const std::vector<path::PathView>& paths) {
  std::vector<path::Score> scores;
  for (const path::PathView& view : paths) {
    path::Score score;
    score.id = view.id;
    score.score = 500'000;
    if (view.history && view.history->rtt) {
      const double cost = to_milliseconds(*view.history->rtt) + 2000 * view.history->loss.value_or(0);
      score.score = 1'000'000 - static_cast<std::int64_t>(1000 * cost);
    }
    scores.push_back(std::move(score));
  }
  return scores;
}

/// Alice and bob have a NIC each on the Internet and on a network of their own; what bob sends by one of them
/// is late, and some of it lost.
class PathsRemembered : public ::testing::TestWithParam<std::tuple<std::uint64_t, bool>> {
 protected:
  PathsRemembered() : world(std::get<0>(GetParam())) {
    own_network = world.network.add_lan();
    alice = &add("alice", "203.0.113.10", "10.50.0.10");
    bob = &add("bob", "203.0.113.11", "10.50.0.11");
  }
  SimNode& add(const char* name, const char* first, const char* second) {
    SimNode& node = world.add_node(name, ip(first), nullptr);
    node.add_nic(own_network, ip(second));
    return node;
  }
  std::size_t bad_nic() const { return std::get<1>(GetParam()) ? 1 : 0; }
  void start() {
    alice->start(world.server.make_token());
    bob->start(world.server.make_token());
    world.network.set_trouble(bob->nics()[bad_nic()].plug, 0.08, 60ms);
    ASSERT_TRUE(world.run_until([&] { return alice->is_online() && bob->is_online(); }, 5s));
  }
  void write() {
    testing::PacketSpec spec;
    spec.source = alice->virtual_address()->to_string();
    spec.destination = bob->virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(1000, 1);
    alice->write_packet(testing::build(spec));
  }
  bool is_connected() {
    const peer::Peer* peer = alice->is_running() ? alice->peer_of(*bob) : nullptr;
    return peer && peer->state() == peer::PeerState::connected;
  }
  bool meet() {
    write();
    return world.run_until([&] { return is_connected(); }, 5s);
  }
  const store::PathRecord* record_of(const char* remote) {
    if (!alice->node().history()) return nullptr;
    const auto& peers = alice->node().history()->peers();
    const auto at = peers.find(bob->identity());
    if (at == peers.end()) return nullptr;
    for (const store::PathRecord& path : at->second.paths) {
      if (path.key.remote == net::Prefix::containing(ip(remote), 32) && path.successes > 0) return &path;
    }
    return nullptr;
  }
  const char* address_of(bool good) const { return (bad_nic() == 0) != good ? "203.0.113.11" : "10.50.0.11"; }
  net::BaseId base_in_use() { return alice->peer_of(*bob)->data_path()->base; }
  /// The pair of bad addresses was the first to be valid.
  bool is_only_bad_valid() {
    bool good = false, bad = false;
    for (const auto& [id, entry] : alice->peer_of(*bob)->paths().entries())
      (entry.base == alice->nics()[bad_nic()].base ? bad : good) |= entry.is_valid;
    return bad && !good;
  }

  World world;
  Realm own_network{};
  SimNode* alice = nullptr;
  SimNode* bob = nullptr;
};

TEST_P(PathsRemembered, FiguresOfEachPathAreKept) {
  start();
  ASSERT_TRUE(meet());
  for (int i = 0; i < 120; ++i) {
    write();
    world.run_for(1s);
  }
  const auto* good = record_of(address_of(true));
  const auto* bad = record_of(address_of(false));
  ASSERT_TRUE(good && bad);
  EXPECT_NEAR(good->rtt_us, 10'000, 2000);
  EXPECT_NEAR(bad->rtt_us, 70'000, 5000);
  EXPECT_EQ(good->losses, 0);
  EXPECT_GT(good->answers, 20);
  EXPECT_NEAR(good->working_s, 120, 10);
  EXPECT_NEAR(good->successes, 1, 0.01);
  EXPECT_EQ(good->local_type, "host");
  EXPECT_GT(good->rate_bytes_per_s + bad->rate_bytes_per_s, 500) << "a packet of 1000 bytes each second";
  EXPECT_EQ(alice->node().history()->peers().begin()->second.name, "bob");

  // A kill, and no server: what was stored is there before anything is heard of bob.
  const double answers = good->answers, working = good->working_s;
  alice->kill();
  world.server.crash();
  world.run_for(1s);
  alice->restart();
  const auto* again = record_of(address_of(true));
  ASSERT_TRUE(again);
  EXPECT_NEAR(again->working_s, working, 65) << "what was learnt after the last save is lost";
  EXPECT_GT(again->answers, answers / 3);
}

TEST_P(PathsRemembered, ARestartedNodeTriesAndPrefersWhatWasGood) {
  alice->score_paths = bob->score_paths = by_history;
  start();
  ASSERT_TRUE(meet());
  for (int i = 0; i < 90; ++i) {
    write();
    world.run_for(1s);
  }
  alice->kill();
  world.run_for(5s);
  alice->restart();
  const net::BaseId good = alice->nics()[1 - bad_nic()].base;
  bool was_bad_first = false;
  ASSERT_TRUE(world.run_until(
      [&] {
        if (alice->peer_of(*bob)) was_bad_first |= is_only_bad_valid();
        return is_connected();
      },
      5s));
  EXPECT_FALSE(was_bad_first);
  write();
  EXPECT_EQ(base_in_use(), good);
  for (int i = 0; i < 150; ++i) {
    if (i % 10 == 0) write();
    world.run_for(100ms);
    ASSERT_TRUE(alice->peer_of(*bob)->data_path());
    EXPECT_EQ(base_in_use(), good) << "after " << i << " tenths of a second";
  }
}

TEST_P(PathsRemembered, DroppedMeansThatNothingStays) {
  alice->check_list.is_kept = false;
  start();
  ASSERT_TRUE(meet());
  world.run_for(30s);
  EXPECT_EQ(alice->node().history(), nullptr);
  EXPECT_TRUE(alice->peer_of(*bob)->memory().paths.empty());
  alice->kill();
  alice->restart();
  EXPECT_EQ(alice->node().history(), nullptr);
  EXPECT_TRUE(meet()) << "it is found all the same";
}

TEST_P(PathsRemembered, DroppingLaterForgetsAndKeepingLaterBeginsAnew) {
  start();
  ASSERT_TRUE(meet());
  world.run_for(10s);
  ASSERT_TRUE(record_of(address_of(true)));
  alice->node().set_check_list({.is_kept = false}, alice->now());
  EXPECT_EQ(alice->node().history(), nullptr);
  world.run_for(10s);
  alice->node().set_check_list({}, alice->now());
  EXPECT_FALSE(record_of(address_of(true)));
  world.run_for(10s);
  ASSERT_TRUE(record_of(address_of(true)));
  EXPECT_LT(record_of(address_of(true))->working_s, 11);
}

TEST_P(PathsRemembered, WhatFailsWhileAnotherPathWorksCounts) {
  start();
  world.network.set_most_out(bob->nics()[bad_nic()].plug, 0);  // the server stays within reach
  ASSERT_TRUE(meet());
  world.run_for(40s);
  const auto& peers = alice->node().history()->peers();
  ASSERT_TRUE(peers.contains(bob->identity()));
  double failures = 0;
  for (const store::PathRecord& path : peers.at(bob->identity()).paths) {
    if (path.key.remote == net::Prefix::containing(ip(address_of(false)), 32)) failures += path.failures;
  }
  EXPECT_GE(failures, 0.9);
}

TEST_P(PathsRemembered, APeerThatIsNotThereFailsNowhere) {
  start();
  bob->kill();
  write();
  world.run_for(60s);
  EXPECT_TRUE(alice->node().history()->peers().empty());
}

TEST_P(PathsRemembered, LostPathsAreDisconnects) {
  start();
  ASSERT_TRUE(meet());
  world.run_for(10s);
  world.network.set_cut(bob->nics()[bad_nic()].plug, true);
  world.run_for(40s);
  const auto* bad = record_of(address_of(false));
  ASSERT_TRUE(bad);
  EXPECT_GE(bad->disconnects, 0.9);
  const auto* good = record_of(address_of(true));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->disconnects, 0);
}

TEST_P(PathsRemembered, ASleepIsNoDisconnect) {
  start();
  ASSERT_TRUE(meet());
  world.run_for(10s);
  alice->on_network_changed(60s, false);
  world.run_for(20s);
  for (const bool good : {true, false}) {
    const auto* record = record_of(address_of(good));
    ASSERT_TRUE(record);
    EXPECT_EQ(record->disconnects, 0);
  }
}

TEST_P(PathsRemembered, TheNearestHintOfAPathIsShown) {
  std::map<std::string, std::optional<path::Hint>> seen;
  alice->score_paths = [&](const std::vector<path::PathView>& paths) {
    for (const path::PathView& view : paths)
      seen[view.remote.address.address.to_string()] = view.hint;
    return by_history(paths);
  };
  start();
  ASSERT_TRUE(meet());
  const path::Hint wide{.score = 100, .confidence = 10}, narrow{.score = 900'000, .confidence = 500};
  const auto prefix = [](const char* text) { return *net::Prefix::parse(text); };
  std::vector<path::HintFor> hints{
      {.local = prefix("203.0.113.0/24"), .remote = prefix("203.0.113.0/24"), .hint = narrow},
      {.local = prefix("0.0.0.0/0"), .remote = prefix("203.0.113.0/24"), .hint = wide},
      {.local = prefix("0.0.0.0/0"),
       .remote = prefix("10.50.0.0/24"),
       .local_type = ice::CandidateType::relayed,
       .hint = wide}};
  alice->node().set_hints(alice->peer_of(*bob)->id(), hints, alice->now());
  world.run_for(5s);
  EXPECT_EQ(seen["203.0.113.11"], narrow);
  EXPECT_EQ(seen["10.50.0.11"], std::nullopt) << "that one is of relayed paths";
  alice->node().set_hints(alice->peer_of(*bob)->id(), {}, alice->now());
  world.run_for(5s);
  EXPECT_EQ(seen["203.0.113.11"], std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PathsRemembered,
                         ::testing::Combine(::testing::Values(1, 2, 3), ::testing::Bool()));

}  // namespace
}  // namespace causeway::sim
