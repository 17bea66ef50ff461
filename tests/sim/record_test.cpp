// A recording of a whole node, replayed: the same choices, at either end, whatever happens to the paths.

#include <gtest/gtest.h>

#include <sstream>

#include "replay/run.hpp"
#include "replay/trace_reader.hpp"
#include "replay/trace_writer.hpp"
#include "support/packet_builder.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

/// A fast path is a good one. It looks at measurements alone, so that what was recorded of them matters.
std::vector<path::Score> by_round_trip(const std::vector<path::PathView>& paths) {
  std::vector<path::Score> scores;
  for (const path::PathView& view : paths) {
    const double rtt = to_milliseconds(view.measured.rtt.value_or(500ms));
    scores.push_back({.id = view.id,
                      .score = static_cast<std::int64_t>(1e6 / (1 + rtt + 100 * view.measured.loss)),
                      .vetoed = false,
                      .reason = "round trip"});
  }
  return scores;
}

class RoundTripScorer final : public replay::Scorer {
 public:
  std::vector<path::Score> score(const replay::Step&, std::vector<path::PathView> paths) override {
    return by_round_trip(paths);
  }
};

/// As a file: what the format loses is lost here, too.
struct Recording {
  replay::TraceWriter writer;
  std::string text = replay::TraceWriter::header(
      {.origin = replay::Header::Origin::recorded, .title = {}, .begun = {}, .last_step = {}, .stack = {}});
  void record(SimNode& node) {
    node.record([this](const replay::Step& step) { text += writer.step(step); });
  }
  replay::Run replayed(replay::Scorer& scorer) const {
    replay::Run run(&scorer);
    auto reader = replay::TraceReader::open(std::make_unique<std::istringstream>(text));
    EXPECT_TRUE(reader);
    while (reader) {
      const auto step = reader->next();
      EXPECT_TRUE(step) << step.error().message;
      if (!step || !*step) break;
      run.on_step(**step);
    }
    return run;
  }
};

/// Alice and bob have two NICs each, on two networks that do not meet.
class Recorded : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  Recorded() : world(GetParam()) {
    other_network = world.network.add_lan();
    alice = &add("alice", "203.0.113.10", "10.50.0.10");
    bob = &add("bob", "203.0.113.11", "10.50.0.11");
    alice->start(world.server.make_token());
    bob->start(world.server.make_token());
    world.run_until([&] { return alice->is_online() && bob->is_online(); }, 5s);
    world.run_for(500ms);
  }
  SimNode& add(const char* name, const char* first, const char* second) {
    SimNode& node = world.add_node(name, ip(first), nullptr);
    node.add_nic(other_network, ip(second));
    node.score_paths = by_round_trip;
    return node;
  }
  void talk() {
    testing::PacketSpec spec;
    spec.tcp = false;
    spec.payload = Bytes(900, 1);
    for (auto [from, to] : {std::pair{alice, bob}, std::pair{bob, alice}}) {
      spec.source = from->virtual_address()->to_string();
      spec.destination = to->virtual_address()->to_string();
      from->write_packet(testing::build(spec));
      from->take_received();
    }
    world.schedule.after(50ms, [this] { talk(); });
  }
  /// The path in use dies, comes back, and the NIC goes for good.
  void trouble() {
    const auto plug_in_use = [&] {
      const auto base = alice->peer_of(*bob)->data_path()->base;
      for (const SimNic& nic : alice->nics())
        if (nic.base == base) return nic.plug;
      return PlugId::none;
    };
    world.run_for(8s);
    for (int round = 0; round < 2; ++round) {
      const PlugId plug = plug_in_use();
      world.network.set_cut(plug, true);
      world.run_for(7s);
      world.network.set_cut(plug, false);
      world.run_for(25s);
    }
    alice->remove_nic(alice->peer_of(*bob)->data_path()->base);
    world.run_for(10s);
  }

  World world;
  Realm other_network{};
  SimNode* alice = nullptr;
  SimNode* bob = nullptr;
};

TEST_P(Recorded, FromTheFirstPathOnTheSameChoicesAreMade) {
  Recording of_alice, of_bob;
  of_alice.record(*alice);
  of_bob.record(*bob);
  talk();
  trouble();
  for (const Recording* recording : {&of_alice, &of_bob}) {
    RoundTripScorer scorer;
    const replay::Run run = recording->replayed(scorer);
    EXPECT_GT(run.comparison().compared, 100u);
    EXPECT_EQ(run.comparison().equal, run.comparison().compared);
    EXPECT_GE(run.totals().switches, 3u) << "something has happened";
  }
}

TEST_P(Recorded, FromMidLifeOnTheSameChoicesAreMade) {
  talk();
  world.run_for(8s);
  Recording of_alice, of_bob;
  of_alice.record(*alice);
  of_bob.record(*bob);
  trouble();
  for (const Recording* recording : {&of_alice, &of_bob}) {
    EXPECT_NE(recording->text.find("\"begin\""), std::string::npos);
    RoundTripScorer scorer;
    const replay::Run run = recording->replayed(scorer);
    EXPECT_GT(run.comparison().compared, 100u);
    EXPECT_EQ(run.comparison().equal, run.comparison().compared);
    EXPECT_GE(run.totals().switches, 3u) << "something has happened";
  }
}

TEST_P(Recorded, AnotherAlgorithmMakesOtherChoices) {
  Recording of_alice, of_bob;
  of_alice.record(*alice);
  of_bob.record(*bob);
  talk();
  trouble();
  class Contrary final : public replay::Scorer {
   public:
    std::vector<path::Score> score(const replay::Step&, std::vector<path::PathView> paths) override {
      auto scores = by_round_trip(paths);
      for (path::Score& score : scores)
        score.score = 1'000'000 - score.score;
      return scores;
    }
  } contrary;
  // The controlled end follows what it was told.
  const bool is_alice = alice->peer_of(*bob)->agent()->role() == ice::Role::controlling;
  const replay::Run run = (is_alice ? of_alice : of_bob).replayed(contrary);
  EXPECT_LT(run.comparison().equal, run.comparison().compared);
  EXPECT_TRUE(run.comparison().first_difference);
}

TEST_P(Recorded, WhenItIsOverNothingIsTold) {
  std::size_t steps = 0;
  alice->record([&](const replay::Step&) { ++steps; });
  talk();
  world.run_for(5s);
  EXPECT_GT(steps, 0u);
  alice->record({});
  const std::size_t before = steps;
  world.run_for(5s);
  EXPECT_EQ(steps, before);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Recorded, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace causeway::sim
