#pragma once

#include <optional>
#include <unordered_map>

#include "base/time.hpp"
#include "dataplane/messages.hpp"
#include "stun/transaction_id.hpp"

namespace causeway::node {

/// Which peer's agent a STUN response belongs to, by its transaction id. Forgets by generations: an id is
/// known for at least kKeep and at most twice that. Bounded: the oldest generation goes when the newest is
/// full.
class TransactionTable {
 public:
  void remember(const stun::TransactionId& id, dataplane::PeerId peer, SteadyTime now) {
    if (now - turned_ >= kKeep || newest_.size() >= kMaxPerGeneration) {
      older_ = std::move(newest_);
      newest_.clear();
      turned_ = now;
    }
    newest_[id] = peer;
  }
  std::optional<dataplane::PeerId> find(const stun::TransactionId& id) const {
    for (const auto* generation : {&newest_, &older_}) {
      if (const auto at = generation->find(id); at != generation->end()) return at->second;
    }
    return std::nullopt;
  }

  /// Longer than any check waits for its answer.
  static constexpr Duration kKeep = std::chrono::seconds(20);
  static constexpr std::size_t kMaxPerGeneration = 65536;

 private:
  std::unordered_map<stun::TransactionId, dataplane::PeerId> newest_, older_;
  SteadyTime turned_{};
};

}  // namespace causeway::node
