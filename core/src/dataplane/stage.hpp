#pragma once

#include <cstddef>
#include <deque>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace causeway::dataplane {

/// How many bytes wait in all stages of a data loop together.
struct StageBudget {
  std::size_t most_bytes = 16u << 20;
  std::size_t used_bytes = 0;
};

/// Packets that wait for one peer or destination, oldest first. Full: the oldest go. Not on the steady path:
/// it copies and allocates.
class Stage {
 public:
  static constexpr std::size_t kMostPackets = 128;
  static constexpr std::size_t kMostBytes = 256 * 1024;
  static constexpr Duration kPatience = 15s;
  /// What may be written to in front of a packet.
  static constexpr std::size_t kHeadroom = 8;

  explicit Stage(StageBudget& budget) : budget_(&budget) {}
  ~Stage() { clear(); }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Returns how many packets were lost to make room (the given one itself, when the budget is spent
  /// elsewhere).
  std::size_t push(ByteView packet, SteadyTime now);
  /// Takes over the packets of another stage behind its own, with their times; returns how many were lost.
  std::size_t append(Stage& other);
  /// Drops what has waited too long; returns how many.
  std::size_t expire(SteadyTime now);
  std::size_t clear();
  /// Drops each packet of which `is_unwanted(bytes)` is true; returns how many.
  template <class Predicate>
  std::size_t drop_if(Predicate&& is_unwanted) {
    return std::erase_if(packets_, [&](Waiting& waiting) {
      if (!is_unwanted(waiting.packet())) return false;
      forget(waiting.packet().size());
      return true;
    });
  }

  bool empty() const { return packets_.empty(); }
  std::size_t size() const { return packets_.size(); }
  /// When the oldest expires; only if not empty.
  SteadyTime deadline() const { return packets_.front().since + kPatience; }
  /// The oldest packet, only if not empty; borrowed until pop() or push().
  MutableByteView front() { return packets_.front().packet(); }
  void pop();

 private:
  struct Waiting {
    Bytes bytes;  ///< behind kHeadroom
    SteadyTime since;
    MutableByteView packet() { return MutableByteView{bytes}.subspan(kHeadroom); }
  };
  std::size_t push(Waiting&& waiting);
  void forget(std::size_t bytes) {
    bytes_ -= bytes;
    budget_->used_bytes -= bytes;
  }

  StageBudget* budget_;
  std::deque<Waiting> packets_;
  std::size_t bytes_ = 0;
};

}  // namespace causeway::dataplane
