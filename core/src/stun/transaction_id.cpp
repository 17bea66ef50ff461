#include "stun/transaction_id.hpp"

#include "base/random.hpp"

namespace causeway::stun {

TransactionId make_transaction_id(RandomSource& random) {
  TransactionId made;
  random.fill(made.bytes);
  return made;
}

}  // namespace causeway::stun
