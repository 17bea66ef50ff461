#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace causeway::path {

/// The largest datagram that one path carries, in IP bytes (RFC 8899, "datagram packetization layer path MTU
/// discovery"). Sans-I/O: it names the sizes to probe and is told which were answered.
///
/// A search sends a probe of every size in question at once and takes the largest that is answered: one round
/// trip, and three rounds until the larger ones are given up. It is made
/// - when the path is new: from what the NIC says downwards. Until an answer comes the NIC's word counts;
/// - when a size was not answered while smaller ones were (a black hole): from that size downwards;
/// - ten minutes after a search that ended below what the NIC says (RFC 8899 §5.1.1, PMTU_RAISE_TIMER).
class PathMtu {
 public:
  static constexpr std::uint16_t kBase = 1280;  ///< what IPv6 demands of every link
  static constexpr Duration kRaiseAfter = std::chrono::minutes(10);

  explicit PathMtu(std::uint16_t ceiling = 1500) : ceiling_(bounded(ceiling)), mtu_(ceiling_) {}

  std::uint16_t mtu() const { return mtu_; }
  /// What the NIC says.
  std::uint16_t ceiling() const { return ceiling_; }
  /// At least one size has been answered.
  bool is_proven() const { return is_proven_; }
  bool is_searching() const { return is_searching_; }

  /// The NIC says something else.
  void set_ceiling(std::uint16_t ceiling, SteadyTime now);
  /// A search of all sizes begins, unless one is under way.
  void search(SteadyTime now);
  /// Data of the present size seems to be lost, smaller ones not.
  void suspect(SteadyTime now);
  /// A probe of this size was answered. True if mtu() changed.
  bool on_answer(std::uint16_t ip_bytes, SteadyTime now);
  /// The sizes to be probed now; empty when none is due. `wait`: how long an answer may take. `*changed` is
  /// set when mtu() became another one.
  std::vector<std::uint16_t> due(Duration wait, SteadyTime now, bool* changed);
  /// When due() is to be asked again.
  std::optional<SteadyTime> next_timeout() const { return next_; }

 private:
  static std::uint16_t bounded(std::uint16_t ceiling);
  void begin(std::uint16_t known, std::uint16_t most, SteadyTime now);
  void finish(SteadyTime now);
  bool set_mtu(std::uint16_t mtu);

  std::uint16_t ceiling_;
  std::uint16_t mtu_;
  bool is_proven_ = false;
  bool is_searching_ = false;
  std::uint16_t most_ = 0;  ///< of this search
  std::uint16_t best_ = 0;  ///< the largest answered in this search; 0: none
  unsigned round_ = 0;
  unsigned fruitless_ = 0;  ///< searches in a row that nothing answered
  std::optional<SteadyTime> next_;
};

}  // namespace causeway::path
