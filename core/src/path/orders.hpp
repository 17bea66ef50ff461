#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "path/path_message.hpp"
#include "path/path_selector.hpp"

/// Who chooses (docs/paths.md): each side puts its valid pairs in an order and tells the other; what counts
/// is places, not scores, because scores of two stacks do not compare.
namespace causeway::path {

/// Our own order of the paths. A path keeps its place until another one is better by kSwitchMargin: noise
/// must not make orders flap.
class OwnOrder {
 public:
  OwnOrder() = default;
  /// To go on from this one.
  explicit OwnOrder(std::vector<std::uint32_t> ids) : ids_(std::move(ids)) {}

  /// Path ids, best first; vetoed ones last.
  const std::vector<std::uint32_t>& update(std::span<const Contender> contenders);
  const std::vector<std::uint32_t>& ids() const { return ids_; }
  /// 0 is the best; nullopt: not in it.
  std::optional<unsigned> place_of(std::uint32_t id) const;

 private:
  std::vector<std::uint32_t> ids_;
};

/// What the peer thinks of the pairs, as far as it may have a say.
class PeerOpinion {
 public:
  enum class Standing : std::uint8_t {
    none,      ///< it has sent no order
    heard,     ///< its order counts
    unknown,   ///< it knows none of our pairs: names what we do not have, or has not seen ours yet
    flapping,  ///< it changed its order too often; heard again after half a minute of calm
  };
  struct Place {
    unsigned place = 0;  ///< among the pairs that both know; 0 is the best
    bool vetoed = false;
  };
  /// One of our valid pairs by its two transport addresses.
  struct OurPair {
    std::uint32_t id = 0;
    net::Endpoint local, remote;
  };

  /// False: an older one that was overtaken.
  bool on_order(Order order, SteadyTime now);
  void clear() { *this = PeerOpinion{}; }

  const std::optional<Order>& order() const { return order_; }
  /// Where the peer has our pairs; empty unless heard. A pair that it does not name comes after all others.
  std::map<std::uint32_t, Place> places(std::span<const OurPair> pairs, SteadyTime now) const;
  Standing standing(std::span<const OurPair> pairs, SteadyTime now) const;
  /// It was in an order of the peer's and is in the newest no more: the peer left that network. A fact, which
  /// counts however often the peer changes its mind.
  bool has_withdrawn(const OurPair& pair) const;

 private:
  bool is_flapping(SteadyTime now) const;

  void note_withdrawn(const Order& before, const Order& after);

  std::optional<Order> order_;
  std::vector<OrderedPair> withdrawn_;  ///< oldest first, at most kMostOrderedPairs
  SteadyTime received_{};
  std::deque<SteadyTime> changes_;  ///< the newest few
};
std::string_view to_string(PeerOpinion::Standing standing);

}  // namespace causeway::path
