#include "dataplane/forwarding_table.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace causeway::dataplane {
namespace {

using packet::AddressKey;

AddressKey key(const char* text) { return AddressKey::of(net::IpAddress::parse(text).value()); }
net::Prefix prefix(const char* text) { return net::Prefix::parse(text).value(); }

TEST(ForwardingTable, EmptyKnowsNobody) {
  EXPECT_EQ(ForwardingTable().find(key("10.0.0.1")), PeerId::none);
  EXPECT_EQ(ForwardingTable(ForwardingSnapshot{}).find(key("10.0.0.1")), PeerId::none);
}

TEST(ForwardingTable, LongestPrefixWins) {
  ForwardingSnapshot snapshot;
  snapshot.entries = {{prefix("0.0.0.0/0"), PeerId{1}},   {prefix("10.0.0.0/8"), PeerId{2}},
                      {prefix("10.1.0.0/16"), PeerId{3}}, {prefix("10.1.2.3/32"), PeerId{4}},
                      {prefix("::/0"), PeerId{5}},        {prefix("fd00::/64"), PeerId{6}}};
  const ForwardingTable table(snapshot);
  EXPECT_EQ(table.find(key("8.8.8.8")), PeerId{1});
  EXPECT_EQ(table.find(key("10.9.9.9")), PeerId{2});
  EXPECT_EQ(table.find(key("10.1.2.4")), PeerId{3});
  EXPECT_EQ(table.find(key("10.1.2.3")), PeerId{4});
  EXPECT_EQ(table.find(key("2001:db8::1")), PeerId{5});
  EXPECT_EQ(table.find(key("fd00::1")), PeerId{6});
}

TEST(ForwardingTable, FamiliesDoNotCatchEachOther) {
  ForwardingSnapshot snapshot;
  snapshot.entries = {{prefix("::/0"), PeerId{5}}};
  snapshot.on_link = {prefix("::/0")};
  const ForwardingTable table(snapshot);
  EXPECT_EQ(table.find(key("8.8.8.8")), PeerId::none);
  EXPECT_FALSE(table.is_on_link(key("8.8.8.8")));
  EXPECT_TRUE(table.is_on_link(key("fd00::1")));
}

TEST(ForwardingTable, EqualsALinearSearch) {
  SeededRandom random(2);
  for (int round = 0; round < 30; ++round) {
    ForwardingSnapshot snapshot;
    const auto random_address = [&](bool v4) {
      std::array<std::uint8_t, 16> octets{};
      for (auto& octet : octets)
        octet = static_cast<std::uint8_t>(random.below(3));
      return v4 ? net::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]})
                : net::IpAddress::v6(octets);
    };
    for (std::uint32_t i = 1; i <= 200; ++i) {
      const bool v4 = random.below(2);
      const auto length = static_cast<std::uint8_t>(random.below(v4 ? 33 : 129));
      const auto block = net::Prefix::containing(random_address(v4), length);
      const bool known = std::any_of(snapshot.entries.begin(), snapshot.entries.end(),
                                     [&](const auto& entry) { return entry.prefix == block; });
      if (!known) snapshot.entries.push_back({block, PeerId{i}, static_cast<std::uint8_t>(i % 7)});
    }
    const ForwardingTable table(snapshot);
    for (int probe = 0; probe < 500; ++probe) {
      const auto address = random_address(random.below(2));
      PeerId expected = PeerId::none;
      int best = -1;
      for (const auto& entry : snapshot.entries) {
        if (entry.prefix.contains(address) && entry.prefix.length > best)
          best = entry.prefix.length, expected = entry.peer;
      }
      ASSERT_EQ(table.find(AddressKey::of(address)), expected) << address.to_string();
      const auto loop = table.find_loop(AddressKey::of(address));
      ASSERT_EQ(loop.has_value(), expected != PeerId::none);
      ASSERT_EQ(loop.value_or(99), loop ? static_cast<std::uint32_t>(expected) % 7 : 99);
    }
  }
}

TEST(ForwardingTable, KnowsLocalOnLinkAndBroadcast) {
  ForwardingSnapshot snapshot;
  snapshot.local_addresses = {net::IpAddress::parse("10.10.0.101").value()};
  snapshot.on_link = {prefix("10.10.0.0/24"), prefix("10.20.0.0/31")};
  const ForwardingTable table(snapshot);
  EXPECT_TRUE(table.is_local(key("10.10.0.101")));
  EXPECT_FALSE(table.is_local(key("10.10.0.102")));
  EXPECT_TRUE(table.is_on_link(key("10.10.0.200")));
  EXPECT_FALSE(table.is_on_link(key("10.10.1.200")));
  EXPECT_TRUE(table.is_subnet_broadcast(key("10.10.0.255")));
  EXPECT_FALSE(table.is_subnet_broadcast(key("10.10.1.255")));
  EXPECT_FALSE(table.is_subnet_broadcast(key("10.20.0.1")));
}

}  // namespace
}  // namespace causeway::dataplane
