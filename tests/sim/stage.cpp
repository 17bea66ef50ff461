#include "tests/sim/stage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/matrix.hpp"
#include "tests/sim/sim_node.hpp"

namespace causeway::sim {
namespace {

constexpr const char* kNames[] = {"alice", "bob", "carol", "dave", "erin"};

net::IpAddress ip(const std::string& text) { return net::IpAddress::parse(text).value(); }

/// A way through several NATs behaves at best like the strictest of them.
NatBehaviour strictest(const std::vector<const Nat*>& way) {
  NatBehaviour behaviour;
  for (const Nat* nat : way) {
    behaviour.mapping = std::max(behaviour.mapping, nat->options().mapping);
    behaviour.filtering = std::max(behaviour.filtering, nat->options().filtering);
  }
  return behaviour;
}

std::string pool_of(const Plan& plan) {
  // Across the middle of the prefix, so that neither its first nor its last address is in the pool.
  return fmt::format("10.10.0.126-10.10.0.{}", plan.has_small_pool ? 125 + plan.nodes.size() : 250);
}

}  // namespace

Stage::Stage(const Plan& plan) : world(plan.seed, {.pool = pool_of(plan)}), traffic(world), plan_(plan) {
  build();
}

// ---- topology ----

void Stage::build() {
  Network& network = world.network;
  network.weather = plan_.weather;
  carrier_ = network.add_lan();
  network.add_nat(carrier_, Realm::internet, ip("198.51.100.200"), plan_.carrier.options);
  for (std::size_t i = 0; i < plan_.nats.size(); ++i) {
    const NatPlan& nat = plan_.nats[i];
    const std::string outside =
        fmt::format("{}.{}", nat.is_behind_carrier ? "100.64.1" : "198.51.100", i + 1);
    network.add_nat(network.add_lan(), nat.is_behind_carrier ? carrier_ : Realm::internet, ip(outside),
                    nat.options);
  }
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    SimNode& node = world.add_node(kNames[i]);
    node.clock_error = plan_.nodes[i].clock_error;
    for (const SitePlan& site : plan_.nodes[i].nics)
      add_nic(node, realm_of(site));
  }
}

Realm Stage::realm_of(const SitePlan& site) const {
  switch (site.kind) {
    case SitePlan::Kind::internet:
      return Realm::internet;
    case SitePlan::Kind::carrier:
      return carrier_;
    case SitePlan::Kind::household:
      break;
  }
  return world.network.nats()[site.nat + 1]->inside();  // the carrier's comes first
}

/// Households number their hosts alike, so that one address means another host in each of them.
net::IpAddress Stage::new_address(Realm realm) {
  const unsigned number = 10 + addresses_[realm]++;
  const char* subnet = realm == Realm::internet ? "203.0.113" : realm == carrier_ ? "100.64.0" : "192.168.1";
  return ip(fmt::format("{}.{}", subnet, number));
}

void Stage::add_nic(SimNode& node, Realm realm) { node.add_nic(realm, new_address(realm)); }

SimNode& Stage::add_heir() {
  SimNode& heir = world.add_node("heir");
  add_nic(heir, realm_of(plan_.nodes[0].nics[0]));
  return heir;
}

bool Stage::has_way(std::size_t one, std::size_t other) const {
  for (const SimNic& a : world.nodes()[one]->nics()) {
    for (const SimNic& b : world.nodes()[other]->nics()) {
      if (has_way(a, b)) return true;
    }
  }
  return false;
}

bool Stage::has_way(const SimNic& a, const SimNic& b) const {
  const auto way_a = world.network.way_out(a.realm);
  const auto way_b = world.network.way_out(b.realm);
  const auto is_on = [](const std::vector<const Nat*>& way, Realm realm) {
    return std::any_of(way.begin(), way.end(), [&](const Nat* nat) { return nat->beyond() == realm; });
  };
  // One is in a realm that the other's packets come through: its host address will do.
  if (a.realm == b.realm || is_on(way_a, b.realm) || is_on(way_b, a.realm)) return true;
  const bool share_nat = !way_a.empty() && !way_b.empty() && way_a.back() == way_b.back();
  if (share_nat && !way_a.back()->options().hairpins) return false;
  return expected_pair(strictest(way_a), strictest(way_b)) != "none";
}

// ---- what happens ----

void Stage::begin() {
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    SimNode& node = *world.nodes()[i];
    world.schedule.after(plan_.nodes[i].starts_after,
                         [&node, token = world.server.make_token()] { node.start(token); });
  }
  for (const TalkPlan& talk_plan : plan_.talks)
    talk(talk_plan);
  for (const FaultPlan& fault : plan_.faults)
    world.schedule.after(fault.at, [this, &fault] { begin_fault(fault); });
  if (!plan_.has_forger) return;
  for (std::size_t i = 0; i <= plan_.nodes.size(); ++i)
    world.nodes().back()->forge_source(ip(fmt::format("10.10.0.{}", 126 + i)));
}

void Stage::talk(const TalkPlan& talk_plan) {
  world.schedule.after(talk_plan.every, [this, &talk_plan] {
    if (is_healed_) return;
    traffic.send(talk_plan.from, talk_plan.to, 4 + static_cast<std::size_t>(world.random.below(1200)));
    if (plan_.has_forger && talk_plan.from + 1 == plan_.nodes.size()) forge(talk_plan);
    talk(talk_plan);
  });
}

/// The last node speaks in the name of one that is neither it nor the receiver.
void Stage::forge(const TalkPlan& talk_plan) {
  const auto victim = world.nodes()[talk_plan.to == 0 ? 1 : 0]->virtual_address();
  if (victim && victim != world.nodes()[talk_plan.from]->virtual_address())
    traffic.send(talk_plan.from, talk_plan.to, 64, victim);
}

void Stage::begin_fault(const FaultPlan& fault) {
  const auto later = [&](auto&& heal_it) {
    world.schedule.after(fault.lasts, [this, heal_it] {
      if (!is_healed_) heal_it();
    });
  };
  SimNode* node = fault.whom < world.nodes().size() ? world.nodes()[fault.whom].get() : nullptr;
  world.narration.note(node && fault.kind != FaultKind::nat_reboot ? node->name() : "server",
                       fmt::format("fault, {} of {}", to_string(fault.kind), fault.whom));
  switch (fault.kind) {
    case FaultKind::cut: {
      if (node->nics().empty()) return;
      const PlugId plug = node->nics().front().plug;
      world.network.set_cut(plug, true);
      return later([this, plug] { world.network.set_cut(plug, false); });
    }
    case FaultKind::nic_down:
    case FaultKind::roam: {
      if (node->nics().empty()) return;
      const SimNic nic = node->nics().front();
      const bool moves = fault.kind == FaultKind::roam;
      const Realm realm = moves ? realm_of(fault.site) : nic.realm;
      const net::IpAddress address = moves ? new_address(realm) : nic.address.address;
      node->remove_nic(nic.base);
      // A move is done by the end of the trouble, whatever happens meanwhile.
      world.schedule.after(fault.lasts, [node, realm, address] { node->add_nic(realm, address); });
      return;
    }
    case FaultKind::restart:
      node->kill();
      return later([node] {
        if (!node->is_running()) node->restart();
      });
    case FaultKind::server_crash:
      world.server.crash();
      return later([this] { world.server.restart(); });
    case FaultKind::nat_reboot:
      return world.network.nats()[fault.whom]->reset();
    case FaultKind::clock_jump: {
      Duration& error = node ? node->clock_error : world.server.clock_error;
      error += fault.jump;
      return later([&error, jump = fault.jump] { error -= jump; });
    }
    case FaultKind::leave:
      node->leave();
      told_to_leave_.insert(node);
      return later([this, node] {
        told_to_leave_.erase(node);
        node->join();
      });
    case FaultKind::storm:
      world.network.weather = {.delay = 80ms, .jitter = 300ms, .loss = 0.3, .duplicate = 0.2};
      return later([this] { world.network.weather = plan_.weather; });
  }
}

void Stage::heal() {
  is_healed_ = true;
  world.narration.note("server", "everything is healed");
  world.network.weather = plan_.weather;
  world.server.clock_error = {};
  world.server.restart();
  for (std::size_t i = 0; i < world.nodes().size(); ++i) {
    SimNode& node = *world.nodes()[i];
    node.clock_error = plan_.nodes[i].clock_error;
    for (const SimNic& nic : node.nics())
      world.network.set_cut(nic.plug, false);
    if (!node.is_running()) node.restart();
    if (told_to_leave_.contains(&node) || node.has_left()) node.join();
  }
}

}  // namespace causeway::sim
