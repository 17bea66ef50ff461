#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/stage.hpp"
#include "packet/address_key.hpp"

namespace causeway::dataplane {

/// Packets for on-link addresses that no peer has yet. Bounded: one destination too many, and the one that
/// has waited longest goes.
class Unresolved {
 public:
  struct Destination {
    Destination(const packet::AddressKey& to, StageBudget& budget) : address(to), stage(budget) {}
    packet::AddressKey address;
    Stage stage;
    std::optional<SteadyTime> wanted_at;  ///< when the control thread was told
  };

  Unresolved(std::size_t most, StageBudget& budget) : most_(most), budget_(&budget) {}

  Destination* find(const packet::AddressKey& address);
  /// Finds it or makes it; `*lost` grows by the packets of a destination that had to go.
  Destination& at(const packet::AddressKey& address, std::size_t* lost);
  /// Drops packets and destinations whose time is over; returns how many packets that were.
  std::size_t expire(SteadyTime now);
  std::optional<SteadyTime> deadline() const;

  /// `visit(destination)` is called for each; true removes it (its packets are the visitor's business).
  template <class Visit>
  void remove_if(Visit&& visit) {
    std::erase_if(destinations_, [&](const auto& destination) { return visit(*destination); });
  }

 private:
  std::size_t most_;
  StageBudget* budget_;
  std::vector<std::unique_ptr<Destination>> destinations_;  ///< in the order of their first packet
};

}  // namespace causeway::dataplane
