#include "tests/sim/world.hpp"

#include <utility>

#include "tests/sim/sim_node.hpp"

namespace causeway::sim {

World::World(std::uint64_t seed, ServerHost::Options server_options)
    : random(seed),
      narration(schedule.now()),
      network(schedule, random, narration),
      server(schedule, network, random, narration, std::move(server_options)) {
  schedule.set_observer([this] {
    if (checks_) checks_();
    return !breach_;
  });
}

World::~World() = default;

SimNode& World::add_node(const std::string& name) {
  return *nodes_.emplace_back(std::make_unique<SimNode>(*this, name));
}

SimNode& World::add_node(const std::string& name, net::IpAddress address, const Nat* nat) {
  SimNode& node = add_node(name);
  node.add_nic(nat ? nat->inside() : Realm::internet, address);
  return node;
}

Nat& World::add_household(net::IpAddress outside, Behaviour mapping, Behaviour filtering) {
  return network.add_nat(network.add_lan(), Realm::internet, outside,
                         {.mapping = mapping, .filtering = filtering});
}

void World::report_breach(std::string invariant, std::string what) {
  if (breach_) return;
  narration.note("server", "BROKEN " + invariant + ": " + what);
  breach_ = Breach{std::move(invariant), std::move(what)};
}

}  // namespace causeway::sim
