#pragma once

#include <cstdint>
#include <optional>

#include "ice/agent.hpp"

namespace causeway::ice {

/// Which pair is selected, and in what order nominations count. A nomination of ours is USE-CANDIDATE with a
/// NOMINATION number that grows; the highest number seen wins, whatever order the requests arrive in. Without
/// renomination no number is sent and RFC 8445 §8.1.1 holds.
class Nomination {
 public:
  explicit Nomination(bool allow_renomination) : allow_renomination_(allow_renomination) {}

  // ---- controlling ----
  /// False if a pair is nominated, or being nominated, and may not be replaced. `pair` itself may always be
  /// asked for.
  bool begin(PairId pair);
  /// The pair whose nominating check is to be sent or awaits its answer.
  std::optional<PairId> pending() const { return pending_; }
  bool is_to_be_sent() const { return pending_.has_value() && !is_sent_; }
  void on_sent() { is_sent_ = true; }
  /// The number for the request; nullopt in plain RFC 8445.
  std::optional<std::uint32_t> number() const;
  /// The nominating check was answered. True: the selected pair changed.
  bool on_answered(PairId pair);
  void on_failed(PairId pair);
  /// This pair is nominated and nothing is about to replace it: later checks on it may say so again. Never in
  /// plain RFC 8445.
  bool is_standing(PairId pair) const {
    return allow_renomination_ && is_settled_ && !pending_ && selected_ == pair;
  }
  /// 487: what we asked for was not ours to ask.
  void cancel() { pending_.reset(); }

  // ---- controlled ----
  /// A request with USE-CANDIDATE: its place in the order of the peer's nominations; nullopt if a newer one
  /// is known.
  std::optional<std::uint64_t> on_request(std::optional<std::uint32_t> number);
  /// The nominated pair is valid. True: the selected pair changed. `is_better`: it outranks the selected
  /// pair, or that one is not valid any more.
  bool select(PairId pair, std::uint64_t order, bool is_better);

  std::optional<PairId> selected() const { return selected_; }
  void forget(PairId pair);
  /// ICE restart of the peer: its numbers begin anew. The selected pair stays until it is replaced.
  void restart();

 private:
  bool allow_renomination_;
  std::optional<PairId> selected_;
  bool is_settled_ = false;  ///< selected_ was nominated in this generation
  std::optional<PairId> pending_;
  bool is_sent_ = false;
  std::uint32_t sent_number_ = 0;
  std::uint64_t newest_seen_ = 0;
  std::uint64_t selected_order_ = 0;
};

}  // namespace causeway::ice
