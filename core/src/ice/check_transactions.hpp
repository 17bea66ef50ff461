#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "base/bytes.hpp"
#include "ice/agent.hpp"
#include "stun/transaction_id.hpp"

namespace causeway::ice {

/// One Binding request of ours that may still be answered.
struct CheckTransaction {
  enum class Kind : std::uint8_t {
    check,       ///< ordinary or triggered: retransmitted, decides its pair's state
    nominating,  ///< has USE-CANDIDATE: retransmitted, decides the nomination
    probe,       ///< consent, keep-warm, re-probe: sent once (RFC 7675 §5.1)
    abandoned,   ///< a cancelled check (RFC 8445 §7.3.1.4), or a probe told lost: a late answer still counts
  };

  stun::TransactionId id;
  Kind kind = Kind::check;
  PairId pair = PairId::none;
  net::BaseId base = net::BaseId::none;
  net::Endpoint to;
  Role role = Role::controlling;  ///< at send time, so that a late 487 cannot flip the role twice
  std::uint32_t priority = 0;  ///< PRIORITY of the request: what a local peer-reflexive candidate would get
  Bytes bytes;
  SteadyTime first_sent;
  SteadyTime deadline;  ///< when the next of these happens: retransmission, loss, oblivion
  Duration rto{};       ///< the first interval
  Duration wait{};      ///< the current one
  unsigned sent = 0;

  bool is_retransmitted() const { return kind == Kind::check || kind == Kind::nominating; }
};

/// The transactions of one agent, bounded.
class CheckTransactions {
 public:
  static constexpr std::size_t kMaxTransactions = 512;
  /// RFC 8489 §6.2.1: Rm. How many RTOs an answer is awaited after the last transmission.
  static constexpr int kLastWait = 16;

  /// The oldest goes when there are too many: its answer is late anyhow.
  CheckTransaction& add(CheckTransaction transaction);
  CheckTransaction* find(const stun::TransactionId& id);
  void erase(const stun::TransactionId& id) { transactions_.erase(id); }
  void erase_pair(PairId pair);
  void clear() { transactions_.clear(); }
  /// No more retransmissions; an answer within the last wait is still taken.
  void abandon(const stun::TransactionId& id, SteadyTime now);

  /// The one that is due first.
  CheckTransaction* next_due();
  std::optional<SteadyTime> next_deadline() const;

 private:
  std::map<stun::TransactionId, CheckTransaction> transactions_;
};

}  // namespace causeway::ice
