#include "dataplane/flat_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/random.hpp"

namespace causeway::dataplane {
namespace {

TEST(FlatTable, EmptyFindsNothing) {
  FlatTable<int> table;
  EXPECT_EQ(table.find(1), nullptr);
  EXPECT_EQ(table.find(0), nullptr);
  EXPECT_FALSE(table.erase(1));
}

TEST(FlatTable, EqualsAMapUnderRandomOperations) {
  SeededRandom random(1);
  FlatTable<std::unique_ptr<int>> table;
  std::map<std::uint32_t, int> reference;
  for (int i = 0; i < 50000; ++i) {
    // Few keys, so that runs collide and wrap around.
    const auto key = static_cast<std::uint32_t>(1 + random.below(200));
    if (random.below(2)) {
      table.insert(key, std::make_unique<int>(i));
      reference[key] = i;
    } else {
      ASSERT_EQ(table.erase(key), reference.erase(key) == 1);
    }
    ASSERT_EQ(table.size(), reference.size());
    const auto probe = static_cast<std::uint32_t>(random.below(202));
    const auto there = reference.find(probe);
    const auto* found = table.find(probe);
    ASSERT_EQ(found != nullptr, there != reference.end());
    if (found) {
      ASSERT_EQ(**found, there->second);
    }
  }
  std::size_t visited = 0;
  table.for_each([&](std::uint32_t key, std::unique_ptr<int>& value) {
    EXPECT_EQ(*value, reference.at(key));
    ++visited;
  });
  EXPECT_EQ(visited, reference.size());
}

}  // namespace
}  // namespace causeway::dataplane
