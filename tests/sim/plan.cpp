#include "tests/sim/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.hpp"

namespace causeway::sim {
namespace {

/// Draws of one seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15u + 1) {}

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(bound)); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  T pick(const T (&list)[N]) {
    return list[below(N)];
  }
  Duration between(Duration from, Duration to) {
    return from + Duration(static_cast<std::int64_t>(
                      random_.below(static_cast<std::uint64_t>((to - from).count()))));
  }

 private:
  SeededRandom random_;
};

NatPlan draw_nat(Dice& dice) {
  NatPlan nat;
  // Most NATs of the world map endpoint-independently.
  nat.options.mapping = dice.below(10) < 6 ? Behaviour::endpoint_independent : Behaviour(dice.below(3));
  nat.options.filtering = Behaviour(dice.below(3));
  nat.options.hairpins = dice.one_in(2);
  nat.options.lifetime = dice.pick<Duration>({30s, 120s, 300s});
  return nat;
}

SitePlan draw_site(Dice& dice, std::size_t nats) {
  switch (dice.below(8)) {
    case 0:
      return {SitePlan::Kind::internet, 0};
    case 1:
      return {SitePlan::Kind::carrier, 0};
    default:
      return {SitePlan::Kind::household, dice.below(nats)};
  }
}

Weather draw_weather(Dice& dice) {
  Weather weather;
  weather.delay = dice.between(1ms, dice.one_in(4) ? Duration(200ms) : Duration(40ms));
  if (dice.one_in(2)) weather.jitter = dice.between(1ms, 60ms);
  if (dice.one_in(2)) weather.loss = static_cast<double>(dice.below(8)) / 100;
  if (dice.one_in(2)) weather.duplicate = static_cast<double>(dice.below(10)) / 100;
  return weather;
}

FaultPlan draw_fault(Dice& dice, const Plan& plan) {
  constexpr FaultKind kKinds[] = {FaultKind::cut,        FaultKind::cut,     FaultKind::nic_down,
                                  FaultKind::restart,    FaultKind::restart, FaultKind::server_crash,
                                  FaultKind::nat_reboot, FaultKind::roam,    FaultKind::clock_jump,
                                  FaultKind::leave,      FaultKind::storm};
  constexpr Duration kJumps[] = {-365 * 24h, -25h, -1h, -30s, 30s, 1h, 25h, 365 * 24h};
  FaultPlan fault;
  fault.kind = dice.pick(kKinds);
  // Short against every timer, about as long as consent (15 s), longer than a session lives (180 s).
  const Duration longest = dice.pick<Duration>({2s, 20s, 20s, 60s, 250s});
  fault.at = dice.between(Duration{}, plan.troubled);
  fault.lasts = std::min(dice.between(100ms, longest), plan.troubled - fault.at);
  if (fault.kind == FaultKind::nat_reboot) {
    fault.whom = dice.below(plan.nats.size() + 1);
  } else {
    fault.whom = dice.below(plan.nodes.size() + (fault.kind == FaultKind::clock_jump ? 1 : 0));
  }
  fault.jump = dice.pick(kJumps);
  fault.site = draw_site(dice, plan.nats.size());
  return fault;
}

std::string describe(const SitePlan& site) {
  switch (site.kind) {
    case SitePlan::Kind::internet:
      return "Internet";
    case SitePlan::Kind::carrier:
      return "carrier";
    case SitePlan::Kind::household:
      break;
  }
  return fmt::format("NAT {}", site.nat);
}

std::string describe(const NatPlan& nat) {
  return fmt::format("mapping {}, filtering {}{}, {:.0f} s{}", to_string(nat.options.mapping),
                     to_string(nat.options.filtering), nat.options.hairpins ? ", hairpins" : "",
                     to_milliseconds(nat.options.lifetime) / 1000,
                     nat.is_behind_carrier ? ", behind the carrier" : "");
}

double seconds(Duration duration) { return to_milliseconds(duration) / 1000; }

}  // namespace

std::string_view to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::cut:
      return "cut";
    case FaultKind::nic_down:
      return "NIC down";
    case FaultKind::restart:
      return "restart";
    case FaultKind::server_crash:
      return "server crash";
    case FaultKind::nat_reboot:
      return "NAT reboot";
    case FaultKind::roam:
      return "roam";
    case FaultKind::clock_jump:
      return "clock jump";
    case FaultKind::leave:
      return "leave";
    case FaultKind::storm:
      return "storm";
  }
  return "?";
}

Plan make_plan(std::uint64_t seed) {
  Dice dice(seed);
  Plan plan;
  plan.seed = seed;
  plan.carrier = draw_nat(dice);
  for (std::size_t i = 1 + dice.below(4); i > 0; --i) {
    plan.nats.push_back(draw_nat(dice));
    plan.nats.back().is_behind_carrier = dice.one_in(5);
  }
  for (std::size_t i = 2 + std::min(dice.below(4), dice.below(4)); i > 0; --i) {
    NodePlan node;
    node.nics.push_back(draw_site(dice, plan.nats.size()));
    if (dice.one_in(4)) node.nics.push_back(draw_site(dice, plan.nats.size()));
    node.starts_after = dice.between(Duration{}, 3s);
    if (dice.one_in(3)) node.clock_error = dice.between(-60s, 60s);
    plan.nodes.push_back(node);
  }
  plan.weather = draw_weather(dice);
  plan.troubled = dice.between(15s, dice.one_in(4) ? Duration(400s) : Duration(90s));
  for (std::size_t i = dice.below(8); i > 0; --i)
    plan.faults.push_back(draw_fault(dice, plan));
  for (std::size_t from = 0; from < plan.nodes.size(); ++from) {
    for (std::size_t to = 0; to < plan.nodes.size(); ++to) {
      if (from == to || dice.one_in(3)) continue;
      plan.talks.push_back({from, to, dice.between(200ms, dice.one_in(3) ? Duration(60s) : Duration(3s))});
    }
  }
  plan.has_forger = plan.nodes.size() > 2 && dice.one_in(3);
  plan.has_small_pool = dice.one_in(4);
  return plan;
}

std::vector<std::string> Plan::describe() const {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("seed {}, {} nodes, troubled for {:.1f} s{}{}", seed, nodes.size(),
                              seconds(troubled), has_forger ? ", the last node forges sources" : "",
                              has_small_pool ? ", as many addresses as nodes" : ""));
  lines.push_back(fmt::format("weather: delay {:.0f} ms, jitter {:.0f} ms, loss {:.2f}, duplicates {:.2f}",
                              to_milliseconds(weather.delay), to_milliseconds(weather.jitter), weather.loss,
                              weather.duplicate));
  lines.push_back("carrier: " + sim::describe(carrier));
  for (std::size_t i = 0; i < nats.size(); ++i)
    lines.push_back(fmt::format("NAT {}: {}", i, sim::describe(nats[i])));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::string sites;
    for (const SitePlan& site : nodes[i].nics)
      sites += (sites.empty() ? "" : ", ") + sim::describe(site);
    lines.push_back(
        fmt::format("node {}: {}, clock wrong by {:.0f} s", i, sites, seconds(nodes[i].clock_error)));
  }
  for (const FaultPlan& fault : faults) {
    std::string text = fmt::format("fault at {:.3f} for {:.3f} s: {} of {}", seconds(fault.at),
                                   seconds(fault.lasts), to_string(fault.kind), fault.whom);
    if (fault.kind == FaultKind::clock_jump) text += fmt::format(" by {:.0f} s", seconds(fault.jump));
    if (fault.kind == FaultKind::roam) text += " to " + sim::describe(fault.site);
    lines.push_back(std::move(text));
  }
  return lines;
}

}  // namespace causeway::sim
