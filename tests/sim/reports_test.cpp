// Nodes report how their paths do, and a third one chooses better for it (spec S5, V6).

#include <gtest/gtest.h>

#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

net::IpAddress ip(const std::string& text) { return net::IpAddress::parse(text).value(); }

/// Every node has a NIC on either of two networks; what bob sends by one of them is late, and some of it
/// lost. Nobody else's figures tell of that before somebody has talked to him.
class Reporting : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Reporting() : world(GetParam()), second(world.network.add_lan()) {
    bob = &add("bob", "198.51.100.20", "192.0.2.20");
    ann = &add("ann", "203.0.113.11", "192.0.0.11");
    amy = &add("amy", "203.0.113.12", "192.0.0.12");
    carol = &add("carol", "203.0.113.13", "192.0.0.13");
  }
  SimNode& add(const std::string& name, const std::string& first, const std::string& other) {
    SimNode& node = world.add_node(name, ip(first), nullptr);
    node.add_nic(second, ip(other));
    node.score_paths = [this, &node](const std::vector<path::PathView>& paths) {
      std::vector<path::Score> scores;
      for (const path::PathView& view : paths) {
        if (&node == carol && view.hint) hinted[view.remote.address.address.to_string()] = *view.hint;
        path::Score score;
        score.id = view.id;
        score.score = view.hint ? view.hint->score : 500'000;
        scores.push_back(std::move(score));
      }
      return scores;
    };
    return node;
  }
  void start() {
    for (SimNode* node : {bob, ann, amy, carol})
      node->start(world.server.make_token(node->name()));  // each of a user of his own
    world.network.set_trouble(bob->nics()[0].plug, 0.08, 60ms);
    ASSERT_TRUE(world.run_until(
        [&] { return bob->is_online() && ann->is_online() && amy->is_online() && carol->is_online(); }, 10s));
  }
  void write(SimNode& from) {
    testing::PacketSpec spec;
    spec.source = from.virtual_address()->to_string();
    spec.destination = bob->virtual_address()->to_string();
    spec.tcp = false;
    spec.payload = Bytes(200, 1);
    from.write_packet(testing::build(spec));
  }
  bool meet(SimNode& from) {
    write(from);
    return world.run_until(
        [&] {
          const peer::Peer* peer = from.peer_of(*bob);
          return peer && peer->state() == peer::PeerState::connected;
        },
        5s);
  }
  void talk(std::initializer_list<SimNode*> nodes, Duration time) {
    for (Duration passed{}; passed < time; passed += 1s) {
      for (SimNode* node : nodes)
        write(*node);
      world.run_for(1s);
    }
  }
  std::uint64_t paths_known(const std::string& name) {
    return world.server.administer("admin.paths", {{"name", name}}).size();
  }

  World world;
  Realm second;
  SimNode *ann = nullptr, *amy = nullptr, *bob = nullptr, *carol = nullptr;
  std::map<std::string, path::Hint> hinted;  ///< of carol's paths, by the remote address
};

TEST_P(Reporting, OfTwoNodesHelpsAThird) {
  bob->reports = false;  // his own word is not needed
  start();
  ASSERT_TRUE(meet(*ann) && meet(*amy));
  talk({ann, amy}, 90s);
  EXPECT_GE(paths_known("ann"), 2u);
  EXPECT_GE(paths_known("amy"), 2u);
  EXPECT_EQ(paths_known("bob"), 0u);
  ASSERT_TRUE(meet(*carol));
  // With the answer to her first question.
  ASSERT_TRUE(world.run_until([&] { return hinted.contains("192.0.2.20"); }, 2s));
  ASSERT_TRUE(world.run_until([&] { return hinted.contains("198.51.100.20"); }, 2s));
  EXPECT_GT(hinted["192.0.2.20"].score, hinted["198.51.100.20"].score + 200'000);
  EXPECT_GE(hinted["192.0.2.20"].confidence, 300u);
  world.run_for(3s);
  EXPECT_EQ(carol->peer_of(*bob)->data_path()->base, carol->nics()[1].base);
}

TEST_P(Reporting, EndsWithTheWish) {
  start();
  ASSERT_TRUE(meet(*ann));
  talk({ann}, 90s);
  EXPECT_GE(paths_known("ann"), 1u);
  ann->node().set_reports(false, ann->now());
  world.run_for(2s);
  EXPECT_EQ(paths_known("ann"), 0u) << "taken back";
  world.run_for(400s);
  EXPECT_EQ(paths_known("ann"), 0u);
  ann->node().set_reports(true, ann->now());
  talk({ann}, 90s);
  EXPECT_GE(paths_known("ann"), 1u);
}

TEST_P(Reporting, IsRepeatedForAServerThatHasForgotten) {
  start();
  ASSERT_TRUE(meet(*ann));
  talk({ann}, 90s);
  ASSERT_GE(paths_known("ann"), 1u);
  world.server.crash();
  talk({ann}, 5s);
  world.server.restart();
  ASSERT_TRUE(world.run_until([&] { return ann->is_online(); }, 30s));
  EXPECT_EQ(paths_known("ann"), 0u);
  talk({ann}, 75s);
  EXPECT_GE(paths_known("ann"), 1u);
}

TEST_P(Reporting, OfWhatDoesNotChangeIsSeldomAndNeverEnds) {
  start();
  ASSERT_TRUE(meet(*ann));
  talk({ann}, 90s);
  unsigned reports = 0;
  std::int64_t last_age = 1000;
  for (int i = 0; i < 150; ++i) {
    write(*ann);
    world.run_for(5s);
    const auto rows = world.server.administer("admin.paths", {{"name", "ann"}});
    ASSERT_FALSE(rows.empty());
    std::int64_t age = 1000;
    for (const auto& row : rows)
      age = std::min(age, row["age_s"].get<std::int64_t>());
    EXPECT_LT(age, 380);
    reports += age < last_age ? 1 : 0;
    last_age = age;
  }
  EXPECT_LE(reports, 10u) << "in twelve minutes; a flap of the path may add some";
  EXPECT_GE(reports, 2u);
}

TEST_P(Reporting, OfALostPathIsSoon) {
  start();
  ASSERT_TRUE(meet(*ann));
  talk({ann}, 90s);
  const bool is_first = ann->peer_of(*bob)->data_path()->base == ann->nics()[0].base;
  world.network.set_cut(bob->nics()[is_first ? 0 : 1].plug, true);
  talk({ann}, 30s);
  const std::string lost = is_first ? "198.51.100.20" : "192.0.2.20";
  bool is_told = false;
  for (const auto& row : world.server.administer("admin.paths", {{"name", "ann"}}))
    is_told |= row["remote"] == lost && row["state"] == "lost";
  EXPECT_TRUE(is_told);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Reporting, ::testing::Values(1, 2));

}  // namespace
}  // namespace causeway::sim
