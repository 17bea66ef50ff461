#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace causeway::sim {

class SimNode;
class Traffic;
class World;

// Each returns what is wrong, or nothing. ---- after every step ----

/// No two nodes that are online hold one virtual address.
std::optional<std::string> one_holder_per_address(const World& world);
/// A node knows every other at most once, and under one address each.
std::optional<std::string> peers_are_distinct(const World& world);
/// Everything that others can make grow has stayed below its cap.
std::optional<std::string> memory_is_bounded(const World& world);
/// Nobody does ever more work at one moment.
std::optional<std::string> time_moves_on(const World& world);
// ---- after every second ----
/// In the server's store no address has two owners.
std::optional<std::string> one_owner_in_the_store(World& world);
// ---- when things have come to rest ----
/// Two connected peers send over the same pair of addresses.
std::optional<std::string> both_ends_on_one_path(const SimNode& one, const SimNode& other);
/// After leaving: no address, no peer, nothing under way.
std::optional<std::string> everything_is_released(const SimNode& node);

/// Runs the checks of every step and every second on a world, and watches what is sent and what arrives.
class Watch {
 public:
  Watch(World& world, Traffic& traffic);

 private:
  void check();
  void on_sent(const std::string& owner, const Bytes& datagram);

  World& world_;
  Traffic& traffic_;
  SteadyTime next_second_;
  /// (sender, receiver index, counter) of every data message: a nonce is never used for two plaintexts.
  std::map<std::tuple<std::string, std::uint32_t, std::uint64_t>, std::size_t> nonces_;
  std::map<std::string, std::uint64_t> sent_this_second_;
};

}  // namespace causeway::sim
