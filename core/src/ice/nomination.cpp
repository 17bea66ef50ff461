#include "ice/nomination.hpp"

namespace causeway::ice {

bool Nomination::begin(PairId pair) {
  if (pending_ == pair || (!pending_ && is_settled_ && selected_ == pair)) return true;
  if (!allow_renomination_ && (pending_ || is_settled_)) return false;
  pending_ = pair;
  is_sent_ = false;
  ++sent_number_;
  return true;
}

std::optional<std::uint32_t> Nomination::number() const {
  return allow_renomination_ ? std::optional(sent_number_) : std::nullopt;
}

bool Nomination::on_answered(PairId pair) {
  if (pending_ != pair) return false;  // replaced meanwhile
  pending_.reset();
  const bool changed = selected_ != pair;
  selected_ = pair;
  is_settled_ = true;
  return changed;
}

void Nomination::on_failed(PairId pair) {
  if (pending_ == pair) pending_.reset();
}

std::optional<std::uint64_t> Nomination::on_request(std::optional<std::uint32_t> number) {
  // Without a number the order of arrival is all there is.
  const std::uint64_t order = number && allow_renomination_ ? *number : newest_seen_ + 1;
  if (order < newest_seen_) return std::nullopt;
  newest_seen_ = order;
  return order;
}

bool Nomination::select(PairId pair, std::uint64_t order, bool is_better) {
  if (is_settled_ && selected_ != pair) {
    // A peer that nominates aggressively (RFC 5245) means the highest of the pairs it named.
    if (allow_renomination_ ? order < selected_order_ : !is_better) return false;
  }
  const bool changed = selected_ != pair;
  selected_ = pair;
  is_settled_ = true;
  selected_order_ = order;
  return changed;
}

void Nomination::forget(PairId pair) {
  if (pending_ == pair) pending_.reset();
  if (selected_ == pair) {
    selected_.reset();
    is_settled_ = false;
  }
}

void Nomination::restart() {
  pending_.reset();
  is_settled_ = false;
  newest_seen_ = 0;
  selected_order_ = 0;
}

}  // namespace causeway::ice
