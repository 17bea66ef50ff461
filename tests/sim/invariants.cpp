#include "tests/sim/invariants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "dataplane/demultiplex.hpp"
#include "tests/sim/sim_node.hpp"
#include "tests/sim/traffic.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {
namespace {

/// Of tasks in the schedule: datagrams under way and timers.
constexpr std::size_t kMostTasks = 20'000;
constexpr std::uint64_t kMostStepsOfAMoment = 20'000;
/// Checks of five peers with two NICs each, handshakes, applications: many times what any plan asks for.
constexpr std::uint64_t kMostDatagramsPerSecond = 1500;

std::uint64_t little_endian(const Bytes& bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i > 0; --i)
    value = value << 8 | bytes[at + i - 1];
  return value;
}

}  // namespace

std::optional<std::string> one_holder_per_address(const World& world) {
  std::map<net::IpAddress, const SimNode*> holders;
  for (const auto& node : world.nodes()) {
    const auto address = node->virtual_address();
    if (!address || !node->is_online()) continue;
    const auto [at, is_new] = holders.emplace(*address, node.get());
    if (!is_new)
      return fmt::format("{} and {} hold {}", at->second->name(), node->name(), address->to_string());
  }
  return std::nullopt;
}

std::optional<std::string> peers_are_distinct(const World& world) {
  for (const auto& node : world.nodes()) {
    if (!node->is_running()) continue;
    const auto& peers = node->node().peers();
    for (auto at = peers.begin(); at != peers.end(); ++at) {
      const auto& mine = at->second->description();
      if (mine.virtual_address == node->virtual_address())
        return fmt::format("{} has a peer at its own address", node->name());
      for (auto other = std::next(at); other != peers.end(); ++other) {
        const auto& theirs = other->second->description();
        if (mine.virtual_address == theirs.virtual_address || mine.session_key == theirs.session_key)
          return fmt::format("{} knows {} and {} at once", node->name(), mine.name, theirs.name);
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> memory_is_bounded(const World& world) {
  if (world.schedule.waiting() > kMostTasks) return fmt::format("{} tasks wait", world.schedule.waiting());
  for (const auto& node : world.nodes()) {
    if (!node->is_running()) continue;
    const auto& peers = node->node().peers();
    if (peers.size() >= world.nodes().size())
      return fmt::format("{} has {} peers", node->name(), peers.size());
    if (node->events_refused() > 0) return node->name() + "'s queue to control has overflown";
  }
  return std::nullopt;
}

std::optional<std::string> time_moves_on(const World& world) {
  if (world.schedule.steps_of_this_moment() <= kMostStepsOfAMoment) return std::nullopt;
  return fmt::format("{} steps in one moment", world.schedule.steps_of_this_moment());
}

std::optional<std::string> one_owner_in_the_store(World& world) {
  std::set<net::IpAddress> owned;
  for (const server::NodeRow& row : world.server.stored().nodes) {
    if (!row.address || row.freed_since) continue;
    if (!owned.insert(*row.address).second) return row.address->to_string() + " has two owners";
  }
  return std::nullopt;
}

namespace {

/// Of one peer's agent: lists that the other end can make grow.
std::optional<std::string> agent_is_bounded(const SimNode& node, const peer::Peer& peer) {
  const ice::Agent* agent = peer.agent();
  if (!agent) return std::nullopt;
  const ice::Agent::Options caps;
  const std::size_t pairs = agent->pairs().size();
  const std::size_t remote = agent->remote_candidates().size();
  const std::size_t local = agent->local_candidates().size();
  if (pairs <= caps.max_pairs && remote <= caps.max_remote_candidates && local <= 64) return std::nullopt;
  return fmt::format("{} has {} pairs, {} remote and {} local candidates for {}", node.name(), pairs, remote,
                     local, peer.description().name);
}

}  // namespace

std::optional<std::string> both_ends_on_one_path(const SimNode& one, const SimNode& other) {
  const auto chosen = [](const peer::Peer* peer) -> std::optional<ice::PairView> {
    if (!peer || !peer->agent() || !peer->paths().selected()) return std::nullopt;
    return peer->agent()->pair(*peer->paths().selected());
  };
  const auto ours = chosen(one.peer_of(other));
  const auto theirs = chosen(other.peer_of(one));
  if (!ours || !theirs) return fmt::format("{} and {}: no path chosen", one.name(), other.name());
  if (ours->local.address == theirs->remote.address && ours->remote.address == theirs->local.address)
    return std::nullopt;
  return fmt::format("{} uses {} - {}, {} uses {} - {}", one.name(), ours->local.address.to_string(),
                     ours->remote.address.to_string(), other.name(), theirs->local.address.to_string(),
                     theirs->remote.address.to_string());
}

std::optional<std::string> everything_is_released(const SimNode& node) {
  if (!node.has_left() || node.virtual_address()) return node.name() + " keeps its address";
  if (!node.node().peers().empty()) return node.name() + " keeps peers";
  if (node.node().status() != node::NodeStatus::disconnected)
    return node.name() + " does not show as disconnected";
  return std::nullopt;
}

Watch::Watch(World& world, Traffic& traffic) : world_(world), traffic_(traffic), next_second_(world.now()) {
  world_.set_checks([this] { check(); });
  world_.network.on_sent = [this](const std::string& owner, const Bytes& bytes) { on_sent(owner, bytes); };
}

void Watch::check() {
  traffic_.collect();
  const auto apply = [&](const char* name, const std::optional<std::string>& wrong) {
    if (wrong) world_.report_breach(name, *wrong);
  };
  apply("one holder per address", one_holder_per_address(world_));
  apply("peers are distinct", peers_are_distinct(world_));
  apply("memory is bounded", memory_is_bounded(world_));
  apply("time moves on", time_moves_on(world_));
  if (world_.now() < next_second_) return;
  next_second_ = world_.now() + 1s;
  apply("one owner in the store", one_owner_in_the_store(world_));
  for (const auto& node : world_.nodes()) {
    if (!node->is_running()) continue;
    for (const auto& [id, peer] : node->node().peers())
      apply("memory is bounded", agent_is_bounded(*node, *peer));
  }
  for (const auto& [owner, count] : sent_this_second_) {
    if (count > kMostDatagramsPerSecond && owner != "server")
      apply("no storms", fmt::format("{} sent {} datagrams in a second", owner, count));
  }
  sent_this_second_.clear();
}

void Watch::on_sent(const std::string& owner, const Bytes& datagram) {
  ++sent_this_second_[owner];
  if (dataplane::classify(datagram) != dataplane::DatagramClass::data || datagram.size() < 16) return;
  const auto index = static_cast<std::uint32_t>(little_endian(datagram, 4, 4));
  const std::size_t hash =
      std::hash<std::string_view>{}({reinterpret_cast<const char*>(datagram.data()), datagram.size()});
  const auto [at, is_new] = nonces_.emplace(std::tuple{owner, index, little_endian(datagram, 8, 8)}, hash);
  if (!is_new && at->second != hash)
    world_.report_breach("nonces are used once", owner + " used a counter twice");
}

}  // namespace causeway::sim
