#include "ice/check_transactions.hpp"

#include <algorithm>

namespace causeway::ice {

CheckTransaction& CheckTransactions::add(CheckTransaction transaction) {
  if (transactions_.size() >= kMaxTransactions) {
    transactions_.erase(std::min_element(
        transactions_.begin(), transactions_.end(),
        [](const auto& a, const auto& b) { return a.second.first_sent < b.second.first_sent; }));
  }
  const stun::TransactionId id = transaction.id;
  return transactions_.insert_or_assign(id, std::move(transaction)).first->second;
}

CheckTransaction* CheckTransactions::find(const stun::TransactionId& id) {
  const auto found = transactions_.find(id);
  return found == transactions_.end() ? nullptr : &found->second;
}

void CheckTransactions::erase_pair(PairId pair) {
  std::erase_if(transactions_, [pair](const auto& entry) { return entry.second.pair == pair; });
}

void CheckTransactions::abandon(const stun::TransactionId& id, SteadyTime now) {
  CheckTransaction* transaction = find(id);
  if (transaction == nullptr) return;
  transaction->kind = CheckTransaction::Kind::abandoned;
  transaction->deadline = now + kLastWait * transaction->rto;
}

CheckTransaction* CheckTransactions::next_due() {
  const auto first =
      std::min_element(transactions_.begin(), transactions_.end(),
                       [](const auto& a, const auto& b) { return a.second.deadline < b.second.deadline; });
  return first == transactions_.end() ? nullptr : &first->second;
}

std::optional<SteadyTime> CheckTransactions::next_deadline() const {
  std::optional<SteadyTime> first;
  for (const auto& [id, transaction] : transactions_) {
    if (!first || transaction.deadline < *first) first = transaction.deadline;
  }
  return first;
}

}  // namespace causeway::ice
