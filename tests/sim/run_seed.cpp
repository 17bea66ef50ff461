#include "tests/sim/run_seed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/sim/invariants.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/stage.hpp"

namespace causeway::sim {
namespace {

// ---- bounds that are promised once everything is healed ----

/// A node that lost its server long ago tries at most 60 s apart, and a try may take 15 s to fail.
constexpr Duration kOnlineWithin = 90s;
/// STUN servers that were silent are asked again after 30 s; a mapping that changed is noticed within 25 s.
constexpr Duration kGatheredWithin = 40s;
/// Then a packet crosses wherever a direct pair is possible.
constexpr Duration kCrossesWithin = 20s;
constexpr Duration kAgreesWithin = 10s;
constexpr Duration kLeavesWithin = 15s;

class Run {
 public:
  explicit Run(const Plan& plan) : plan_(plan), stage_(plan), watch_(stage_.world, stage_.traffic) {}

  World& world() { return stage_.world; }
  std::uint64_t packets_sent() const { return stage_.traffic.sent(); }
  std::uint64_t packets_received() const { return stage_.traffic.received(); }

  void live() {
    stage_.begin();
    world().run_for(plan_.troubled);
    stage_.heal();
    const SteadyTime healed = world().now();
    if (!all_come_online()) return;
    outcome.until_online = world().now() - healed;
    world().run_for(kGatheredWithin);
    if (!packets_cross()) return;
    if (!ends_agree()) return;
    if (plan_.has_small_pool && !address_changes_hands()) return;
    all_leave();
  }

  Outcome outcome;

 private:
  using Direction = std::pair<std::size_t, std::size_t>;

  /// False at a breach, too.
  bool expect(const char* invariant, bool holds, const std::string& otherwise) {
    if (!holds && !world().breach()) world().report_breach(invariant, otherwise);
    return !world().breach();
  }

  bool all_come_online() {
    std::string missing;
    const bool done = world().run_until(
        [&] {
          missing.clear();
          for (const auto& node : world().nodes()) {
            if (!node->is_online()) missing += node->name() + " (" + reason(*node) + ") ";
          }
          return missing.empty();
        },
        kOnlineWithin);
    return expect("nodes come back", done, "not online after 90 s: " + missing);
  }

  static std::string reason(const SimNode& node) {
    return node.is_running() ? node.node().link_reason() : std::string("killed");
  }

  std::vector<Direction> directions_with_a_way() const {
    std::vector<Direction> directions;
    for (std::size_t from = 0; from < stage_.world.nodes().size(); ++from) {
      for (std::size_t to = 0; to < stage_.world.nodes().size(); ++to) {
        if (from != to && stage_.has_way(from, to)) directions.emplace_back(from, to);
      }
    }
    return directions;
  }

  void ping_each_second(const std::vector<Direction>& directions, SteadyTime end) {
    for (const auto& [from, to] : directions)
      stage_.traffic.send(from, to, 100);
    if (world().now() + 1s <= end)
      world().schedule.after(1s, [this, directions, end] { ping_each_second(directions, end); });
  }

  bool all_cross(const std::vector<Direction>& directions) {
    const SteadyTime since = world().now();
    ping_each_second(directions, since + kCrossesWithin);
    const auto missing = [&] {
      std::string list;
      for (const auto& [from, to] : directions) {
        if (!stage_.traffic.has_arrived(from, to, since)) list += describe(from, to) + "; ";
      }
      return list;
    };
    const bool done = world().run_until([&] { return missing().empty(); }, kCrossesWithin);
    outcome.until_crossed = std::max(outcome.until_crossed, world().now() - since);
    return expect("progress", done, "nothing crossed within 20 s: " + missing());
  }

  std::string describe(std::size_t from, std::size_t to) const {
    const SimNode& sender = *stage_.world.nodes()[from];
    const SimNode& receiver = *stage_.world.nodes()[to];
    const peer::Peer* peer = sender.peer_of(receiver);
    return fmt::format("{} to {} ({}{})", sender.name(), receiver.name(),
                       peer ? std::string(peer::to_string(peer->state())) : "unknown",
                       peer && !peer->state_reason().empty() ? ", " + peer->state_reason() : "");
  }

  bool packets_cross() { return all_cross(directions_with_a_way()); }

  bool ends_agree() {
    std::optional<std::string> quarrel;
    const bool done = world().run_until(
        [&] {
          quarrel.reset();
          for (const auto& [one, other] : directions_with_a_way()) {
            if (one < other && !quarrel)
              quarrel = both_ends_on_one_path(*world().nodes()[one], *world().nodes()[other]);
          }
          return !quarrel;
        },
        kAgreesWithin);
    return expect("both ends on one path", done, quarrel.value_or(""));
  }

  bool leaves(SimNode& node) {
    node.leave();
    world().run_until([&] { return node.has_left(); }, kLeavesWithin);
    const auto kept = everything_is_released(node);
    return expect("leaving releases everything", !kept, kept.value_or(""));
  }

  bool comes_online(SimNode& node) {
    const bool done = world().run_until([&] { return node.is_online(); }, kOnlineWithin);
    return expect("nodes come back", done, node.name() + " is not online: " + reason(node));
  }

  /// Every address is taken: the heir gets the one that node 0 gives back, and packets for it.
  bool address_changes_hands() {
    SimNode& former = *world().nodes()[0];
    const auto address = former.virtual_address();
    if (!leaves(former)) return false;
    SimNode& heir = stage_.add_heir();
    const std::size_t heir_index = world().nodes().size() - 1;
    heir.start(world().server.make_token());
    if (!comes_online(heir)) return false;
    if (!expect("addresses are given again", heir.virtual_address() == address,
                "the heir has another address"))
      return false;
    world().run_for(kGatheredWithin);
    std::vector<Direction> directions;
    for (std::size_t i = 1; i < heir_index; ++i) {
      if (!stage_.has_way(i, heir_index)) continue;
      directions.emplace_back(i, heir_index);
      directions.emplace_back(heir_index, i);
    }
    if (!all_cross(directions) || !leaves(heir)) return false;
    former.join();
    if (!comes_online(former)) return false;
    return expect("addresses are given again", former.virtual_address() == address,
                  "the first owner got another address");
  }

  void all_leave() {
    for (const auto& node : world().nodes())
      node->leave();
    world().run_until(
        [&] {
          return std::all_of(world().nodes().begin(), world().nodes().end(),
                             [](const auto& node) { return node->has_left(); });
        },
        kLeavesWithin);
    for (const auto& node : world().nodes()) {
      if (const auto kept = everything_is_released(*node))
        world().report_breach("leaving releases everything", *kept);
    }
    world().run_for(5s);
    expect("leaving releases everything", world().server.connections() == 0,
           "a connection to the server stays");
    for (const server::NodeRow& row : world().server.stored().nodes)
      expect("leaving releases everything", !row.address || row.freed_since,
             "the server keeps " + row.name + "'s address");
  }

  const Plan& plan_;
  Stage stage_;
  Watch watch_;
};

}  // namespace

Outcome run_seed(std::uint64_t seed, bool with_diagram) {
  const Plan plan = make_plan(seed);
  Run run(plan);
  World& world = run.world();
  if (with_diagram) world.narration.switch_on();
  run.live();
  Outcome outcome = std::move(run.outcome);
  outcome.breach = world.breach();
  outcome.ended = world.now();
  outcome.steps = world.schedule.steps();
  outcome.network = world.network.counters();
  outcome.packets_sent = run.packets_sent();
  outcome.packets_received = run.packets_received();
  if (with_diagram) {
    std::vector<std::string> comments = plan.describe();
    if (outcome.breach) comments.push_back(outcome.breach->invariant + ": " + outcome.breach->what);
    comments.push_back(fmt::format("replay: ./run sim {0}:{0}", seed));
    outcome.diagram = world.narration.to_mermaid(comments);
  }
  return outcome;
}

}  // namespace causeway::sim
