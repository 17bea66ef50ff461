#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "tests/sim/plan.hpp"
#include "tests/sim/traffic.hpp"
#include "tests/sim/world.hpp"

namespace causeway::sim {

class SimNode;
struct SimNic;

/// The world of one plan: raises it, lets its faults happen, and knows who should reach whom.
class Stage {
 public:
  explicit Stage(const Plan& plan);

  World world;
  Traffic traffic;

  /// Starts nodes, talks and faults, each in its time.
  void begin();
  /// Ends every fault that still lasts and lets nodes that left join again.
  void heal();
  /// A node that the plan does not name, where node 0 is. It is not started.
  SimNode& add_heir();
  /// RFC 4787 and the topology allow a direct pair between these two as things are.
  bool has_way(std::size_t one, std::size_t other) const;

 private:
  void build();
  Realm realm_of(const SitePlan& site) const;
  net::IpAddress new_address(Realm realm);
  void add_nic(SimNode& node, Realm realm);
  void begin_fault(const FaultPlan& fault);
  void talk(const TalkPlan& talk);
  void forge(const TalkPlan& talk);
  bool has_way(const SimNic& one, const SimNic& other) const;

  const Plan& plan_;
  Realm carrier_{};
  std::map<Realm, unsigned> addresses_;  ///< given so far
  std::set<SimNode*> told_to_leave_;
  bool is_healed_ = false;
};

}  // namespace causeway::sim
