#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "tests/sim/nat.hpp"
#include "tests/sim/network.hpp"

namespace causeway::sim {

// Everything that one seed decides before the world begins, as plain values.

struct NatPlan {
  Nat::Options options;
  bool is_behind_carrier = false;  ///< its outside is the carrier's LAN, not the Internet
};

/// Where a NIC is: the Internet, the carrier's LAN, or behind one of the NATs.
struct SitePlan {
  enum class Kind : std::uint8_t { internet, carrier, household } kind = Kind::internet;
  std::size_t nat = 0;  ///< of a household
};

struct NodePlan {
  std::vector<SitePlan> nics;  ///< one or two
  Duration starts_after{};
  Duration clock_error{};
};

enum class FaultKind : std::uint8_t {
  cut,           ///< the node's first NIC carries nothing; nobody is told
  nic_down,      ///< the node's first NIC is gone, and comes back as a new one
  restart,       ///< the daemon is killed and started again
  server_crash,  ///< the server and its STUN addresses are gone
  nat_reboot,    ///< a NAT forgets its mappings
  roam,          ///< the node's first NIC moves to another site for good
  clock_jump,    ///< a wall clock jumps and is set right at the end; the index past the nodes is the server's
  leave,         ///< the node leaves and joins again
  storm,         ///< the weather turns bad
};
std::string_view to_string(FaultKind kind);

struct FaultPlan {
  FaultKind kind = FaultKind::cut;
  Duration at{};         ///< from the start
  Duration lasts{};      ///< until it heals
  std::size_t whom = 0;  ///< node or NAT
  Duration jump{};       ///< of clock_jump
  SitePlan site;         ///< of roam
};

struct TalkPlan {
  std::size_t from = 0, to = 0;
  Duration every{};
};

struct Plan {
  std::uint64_t seed = 0;
  std::vector<NatPlan> nats;
  NatPlan carrier;
  std::vector<NodePlan> nodes;
  Weather weather;
  std::vector<FaultPlan> faults;
  std::vector<TalkPlan> talks;
  bool has_forger = false;      ///< the last node forges sources
  bool has_small_pool = false;  ///< exactly one address per node
  Duration troubled{};          ///< faults begin and heal within this time

  std::vector<std::string> describe() const;
};

Plan make_plan(std::uint64_t seed);

}  // namespace causeway::sim
