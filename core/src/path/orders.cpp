#include "path/orders.hpp"

#include <algorithm>
#include <utility>

namespace causeway::path {
namespace {

/// More changes than this within kFlapSpan are no opinion.
constexpr std::size_t kMostChanges = 6;
constexpr Duration kFlapSpan = 30s;
/// Datagrams overtake each other by seconds at most: after this any number is new (a peer that restarted).
constexpr Duration kOvertaking = 5s;

/// The same pairs in the same places; the number does not matter.
bool says_the_same(const Order& a, const Order& b) { return a.pairs == b.pairs; }

}  // namespace

const std::vector<std::uint32_t>& OwnOrder::update(std::span<const Contender> contenders) {
  const auto find = [&](std::uint32_t id) {
    const auto at =
        std::find_if(contenders.begin(), contenders.end(), [id](const Contender& c) { return c.id == id; });
    return at == contenders.end() ? nullptr : &*at;
  };
  std::erase_if(ids_, [&](std::uint32_t id) { return find(id) == nullptr; });
  // New ones come in by rank alone: nothing is lost by giving them the right place at once.
  std::vector<const Contender*> fresh;
  for (const Contender& contender : contenders) {
    if (!place_of(contender.id)) fresh.push_back(&contender);
  }
  const auto is_clearly_better = [](const Contender& a, const Contender& b, std::int64_t margin) {
    if (a.vetoed != b.vetoed) return b.vetoed;
    if (a.score != b.score) return a.score > b.score + margin;
    return margin == 0 &&
           (a.pair_priority != b.pair_priority ? a.pair_priority > b.pair_priority : a.id < b.id);
  };
  const auto insert = [&](const Contender& contender, std::int64_t margin) {
    const auto before = std::find_if(ids_.begin(), ids_.end(), [&](std::uint32_t id) {
      return is_clearly_better(contender, *find(id), margin);
    });
    ids_.insert(before, contender.id);
  };
  // Those that were there, one after the other, in the order they had.
  const std::vector<std::uint32_t> before = std::exchange(ids_, {});
  for (const std::uint32_t id : before)
    insert(*find(id), kSwitchMargin - 1);
  for (const Contender* contender : fresh)
    insert(*contender, 0);
  return ids_;
}

std::optional<unsigned> OwnOrder::place_of(std::uint32_t id) const {
  const auto at = std::find(ids_.begin(), ids_.end(), id);
  if (at == ids_.end()) return std::nullopt;
  return static_cast<unsigned>(at - ids_.begin());
}

bool PeerOpinion::on_order(Order order, SteadyTime now) {
  const bool is_newer = !order_ || static_cast<std::int32_t>(order.number - order_->number) > 0 ||
                        now - received_ >= kOvertaking;
  if (!is_newer) return false;
  if (order_ && !says_the_same(*order_, order)) {
    changes_.push_back(now);
    if (changes_.size() > kMostChanges + 1) changes_.pop_front();
  }
  if (order_) note_withdrawn(*order_, order);
  order_ = std::move(order);
  received_ = now;
  return true;
}

void PeerOpinion::note_withdrawn(const Order& before, const Order& after) {
  const auto is_in = [](const Order& order, const OrderedPair& pair) {
    return std::any_of(order.pairs.begin(), order.pairs.end(), [&](const OrderedPair& known) {
      return known.local == pair.local && known.remote == pair.remote;
    });
  };
  std::erase_if(withdrawn_, [&](const OrderedPair& pair) { return is_in(after, pair); });
  // An empty order withdraws nothing: it is no opinion.
  for (const OrderedPair& pair : before.pairs) {
    if (after.pairs.empty() || is_in(after, pair)) continue;
    if (withdrawn_.size() >= kMostOrderedPairs) withdrawn_.erase(withdrawn_.begin());
    withdrawn_.push_back(pair);
  }
}

bool PeerOpinion::is_flapping(SteadyTime now) const {
  return changes_.size() > kMostChanges && now - changes_.front() < kFlapSpan;
}

std::map<std::uint32_t, PeerOpinion::Place> PeerOpinion::places(std::span<const OurPair> pairs,
                                                                SteadyTime now) const {
  std::map<std::uint32_t, Place> places;
  if (!order_ || is_flapping(now)) return places;
  unsigned next = 0;
  for (const OrderedPair& ordered : order_->pairs) {
    bool is_known = false;
    for (const OurPair& pair : pairs) {
      if (pair.local != ordered.remote || pair.remote != ordered.local) continue;
      is_known |= places.try_emplace(pair.id, Place{next, ordered.vetoed}).second;
    }
    if (is_known) ++next;
  }
  if (places.empty()) return places;
  for (const OurPair& pair : pairs)
    places.try_emplace(pair.id, Place{next, false});
  return places;
}

bool PeerOpinion::has_withdrawn(const OurPair& pair) const {
  return std::any_of(withdrawn_.begin(), withdrawn_.end(), [&](const OrderedPair& known) {
    return pair.local == known.remote && pair.remote == known.local;
  });
}

PeerOpinion::Standing PeerOpinion::standing(std::span<const OurPair> pairs, SteadyTime now) const {
  if (!order_) return Standing::none;
  if (is_flapping(now)) return Standing::flapping;
  return places(pairs, now).empty() ? Standing::unknown : Standing::heard;
}

std::string_view to_string(PeerOpinion::Standing standing) {
  switch (standing) {
    case PeerOpinion::Standing::none:
      return "none";
    case PeerOpinion::Standing::heard:
      return "heard";
    case PeerOpinion::Standing::unknown:
      return "unknown-pairs";
    case PeerOpinion::Standing::flapping:
      return "flapping";
  }
  return "none";
}

}  // namespace causeway::path
