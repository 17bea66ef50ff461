#pragma once

#include <optional>

#include "selection/weather.hpp"
#include "selection/world.hpp"

namespace causeway::selection {

/// A world that is being made.
class Draft {
 public:
  Draft(WorldClass world_class, std::uint64_t seed, const Dice& dice);

  Dice& dice() { return dice_; }
  void set_length(std::size_t seconds) { length_ = seconds; }
  std::size_t length() const { return length_; }
  void set_share_out(double share) { world_.share_out = share; }
  /// Of the day, in hours.
  void set_begin(double hour);
  double hour() const { return hour_; }

  /// What its two ends are, as ICE sees them. `base` numbers the NIC on our side: 0 is what the operating
  /// system, and so ICE, likes best.
  enum class Kind : std::uint8_t { direct, relayed };
  struct Ends {
    Kind kind = Kind::direct;
    unsigned base = 0;
  };
  /// A path of this climate. `past`: what it was like on earlier days; empty: nothing is remembered.
  void add(const Ends& ends, const Climate& climate, const Weather& weather = nullptr,
           const std::optional<Past>& past = std::nullopt);

  /// A past in which each session was like this climate, give or take.
  Past steady_past(const Climate& climate);
  /// Whether the store remembers this network at all.
  bool is_remembered(double probability) { return dice_.chance(probability); }

  World finish();
  World finish_with_wrong_hints();

 private:
  Dice dice_;
  World world_;
  std::size_t length_ = 600;
  double hour_ = 12;
};

}  // namespace causeway::selection
