#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "tests/sim/narration.hpp"
#include "tests/sim/network.hpp"
#include "tests/sim/schedule.hpp"
#include "tests/sim/server_host.hpp"

/// Whole nodes and a server in one process over virtual time: everything that is random comes from one seed,
/// so that a run replays exactly.
namespace causeway::sim {

class SimNode;

/// A rule that did not hold.
struct Breach {
  std::string invariant;
  std::string what;
};

/// Time, the Internet, the address server and the nodes.
class World {
 public:
  explicit World(std::uint64_t seed, ServerHost::Options server_options = {});
  ~World();

  SeededRandom random;
  Schedule schedule;
  Narration narration;
  Network network;
  ServerHost server;

  SimNode& add_node(const std::string& name);
  const std::vector<std::unique_ptr<SimNode>>& nodes() const { return nodes_; }

  /// The first breach counts; time stops at it.
  void report_breach(std::string invariant, std::string what);
  const std::optional<Breach>& breach() const { return breach_; }
  /// Called after each task of the schedule.
  void set_checks(std::function<void()> checks) { checks_ = std::move(checks); }

  // ---- short forms ----
  SteadyTime now() const { return schedule.now(); }
  bool run_until(const std::function<bool()>& condition, Duration limit) {
    return schedule.run_until(condition, limit);
  }
  void run_for(Duration span) { schedule.run_for(span); }
  /// A LAN behind its own NAT on the Internet.
  Nat& add_household(net::IpAddress outside, Behaviour mapping, Behaviour filtering);
  /// A node with one NIC: behind this NAT, or on the Internet.
  SimNode& add_node(const std::string& name, net::IpAddress address, const Nat* nat);

 private:
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::optional<Breach> breach_;
  std::function<void()> checks_;
};

}  // namespace causeway::sim
