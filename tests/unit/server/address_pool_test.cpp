#include "server/src/core/address_pool.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/random.hpp"

namespace causeway::server {
namespace {

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

TEST(AddressPool, a_prefix_leaves_out_network_and_broadcast) {
  auto pool = AddressPool::parse("10.10.0.0/30").value();
  EXPECT_EQ(pool.on_link().to_string(), "10.10.0.0/30");
  EXPECT_EQ(pool.take_lowest(), ip("10.10.0.1"));
  EXPECT_EQ(pool.take_lowest(), ip("10.10.0.2"));
  EXPECT_EQ(pool.take_lowest(), std::nullopt);
}

TEST(AddressPool, a_31_has_two_addresses_and_a_32_one) {
  EXPECT_EQ(AddressPool::parse("10.10.0.0/31")->size(), 2U);
  EXPECT_EQ(AddressPool::parse("10.10.0.7/32")->size(), 1U);
}

TEST(AddressPool, the_smallest_prefix_that_covers_a_range_is_on_link) {
  EXPECT_EQ(AddressPool::parse("10.10.0.101-10.10.0.250")->on_link().to_string(), "10.10.0.0/24");
  EXPECT_EQ(AddressPool::parse("10.10.0.101-10.10.0.102")->on_link().to_string(), "10.10.0.100/30");
  EXPECT_EQ(AddressPool::parse("10.10.0.101-10.10.0.101")->on_link().to_string(), "10.10.0.101/32");
  EXPECT_EQ(AddressPool::parse("10.10.0.101-10.10.0.250")->size(), 150U);
  // No address of a range may be what the kernel takes for network or broadcast.
  EXPECT_EQ(AddressPool::parse("10.10.0.101-10.10.0.103")->on_link().to_string(), "10.10.0.96/28");
  EXPECT_EQ(AddressPool::parse("10.10.0.101-10.10.0.103")->size(), 3U);
  EXPECT_EQ(AddressPool::parse("10.10.0.1-10.10.0.255")->on_link().to_string(), "10.10.0.0/23");
}

TEST(AddressPool, nonsense_is_refused) {
  for (const char* text :
       {"", "10.10.0.0", "10.10.0.1/24", "10.10.0.0/33", "10.10.0.9-10.10.0.1", "a-b", "10.0.0.0/24-",
        "127.0.0.0/24", "224.0.0.0/24", "0.0.0.0/0", "fd00::/64", "fd00::1-fd00::9", "10.10.0.0/24 "}) {
    EXPECT_FALSE(AddressPool::parse(text)) << text;
  }
}

TEST(AddressPool, the_lowest_free_one_is_given_as_a_plain_set_would) {
  auto pool = AddressPool::parse("10.10.0.1-10.10.0.40").value();
  std::set<net::IpAddress> free;
  for (std::uint32_t i = 1; i <= 40; ++i)
    free.insert(net::IpAddress::v4(0x0a0a0000U + i));
  SeededRandom random(5);
  for (int step = 0; step < 5000; ++step) {
    const auto some = net::IpAddress::v4(0x0a0a0000U + static_cast<std::uint32_t>(random.below(45)));
    switch (random.below(3)) {
      case 0: {
        const auto expected = free.empty() ? std::nullopt : std::optional(*free.begin());
        ASSERT_EQ(pool.take_lowest(), expected) << step;
        if (expected) free.erase(*expected);
        break;
      }
      case 1:
        ASSERT_EQ(pool.take(some), free.erase(some) == 1) << step;
        break;
      case 2:
        pool.give_back(some);
        if (pool.contains(some)) free.insert(some);
        break;
    }
    ASSERT_EQ(pool.taken(), 40 - free.size());
  }
}

}  // namespace
}  // namespace causeway::server
