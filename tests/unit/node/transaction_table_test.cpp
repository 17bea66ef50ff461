#include "node/transaction_table.hpp"

#include <gtest/gtest.h>

namespace causeway::node {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

stun::TransactionId id(std::uint32_t number) {
  stun::TransactionId made;
  std::memcpy(made.bytes.data(), &number, sizeof number);
  return made;
}

TEST(TransactionTable, KnowsAnIdForAtLeastItsTimeAndNotForEver) {
  TransactionTable table;
  table.remember(id(1), dataplane::PeerId{7}, kStart);
  EXPECT_EQ(table.find(id(1)), dataplane::PeerId{7});
  EXPECT_FALSE(table.find(id(2)));
  table.remember(id(2), dataplane::PeerId{8}, kStart + TransactionTable::kKeep);
  EXPECT_EQ(table.find(id(1)), dataplane::PeerId{7});
  table.remember(id(3), dataplane::PeerId{8}, kStart + 2 * TransactionTable::kKeep);
  EXPECT_FALSE(table.find(id(1)));
  EXPECT_TRUE(table.find(id(2)));
}

TEST(TransactionTable, IsBounded) {
  TransactionTable table;
  table.remember(id(0xffffffff), dataplane::PeerId{1}, kStart);
  for (std::uint32_t i = 0; i < 2 * TransactionTable::kMaxPerGeneration; ++i) {
    table.remember(id(i), dataplane::PeerId{1}, kStart);
  }
  EXPECT_FALSE(table.find(id(0xffffffff))) << "the oldest made room";
  EXPECT_TRUE(table.find(id(2 * TransactionTable::kMaxPerGeneration - 1)));
}

}  // namespace
}  // namespace causeway::node
