#include "daemon/base_choice.hpp"

#include <gtest/gtest.h>

namespace causeway::daemon {
namespace {

net::IpAddress ip(const char* text) { return *net::IpAddress::parse(text); }

net::Interface nic(std::string name, std::initializer_list<const char*> addresses, std::string kind = "") {
  net::Interface made;
  made.name = std::move(name);
  made.kind = std::move(kind);
  made.up = made.running = true;
  made.mtu = 1500;
  for (const char* address : addresses)
    made.addresses.push_back({ip(address), static_cast<std::uint8_t>(ip(address).is_v4() ? 24 : 64)});
  return made;
}

/// The reason why `address` is ignored; "" if it is chosen, "?" if nothing is said of it.
std::string reason(const BaseChoice& choice, const char* address) {
  if (choice.chosen.contains(ip(address))) return "";
  for (const IgnoredAddress& ignored : choice.ignored) {
    if (ignored.address == ip(address)) return ignored.reason;
  }
  return "?";
}

TEST(BaseChoice, EveryAddressOfEveryRealNic) {
  const auto choice = choose_addresses(
      {nic("eth0", {"192.168.0.100", "2001:db8::7"}), nic("wlan0", {"10.1.2.3", "fd00::1"})}, {}, "cw0", {});
  EXPECT_EQ(choice.chosen.size(), 4u);
  EXPECT_TRUE(choice.ignored.empty());
  EXPECT_EQ(choice.chosen.at(ip("10.1.2.3")).interface, "wlan0");
  EXPECT_EQ(choice.chosen.at(ip("2001:db8::7")).on_link.to_string(), "2001:db8::/64");
}

TEST(BaseChoice, EachIgnoredAddressSaysWhy) {
  CandidatePolicy policy;
  policy.deny_prefixes = {*net::Prefix::parse("10.0.0.0/8")};
  const auto choice = choose_addresses({nic("eth0", {"192.168.0.100", "fe80::1", "10.1.2.3"}),
                                        nic("docker0", {"172.17.0.1"}), nic("br0", {"172.20.0.1"}, "bridge"),
                                        nic("tun0", {"172.21.0.1"}, "tun"), nic("cw0", {"10.10.0.1"}, "tun")},
                                       policy, "cw0", {});
  EXPECT_EQ(reason(choice, "192.168.0.100"), "");
  EXPECT_EQ(reason(choice, "fe80::1"), "link-local: a peer cannot know on which link");
  EXPECT_EQ(reason(choice, "10.1.2.3"), "candidates.deny_prefixes has 10.0.0.0/8");
  EXPECT_EQ(reason(choice, "172.17.0.1"), "candidates.deny_interfaces has \"docker*\"");
  EXPECT_EQ(reason(choice, "172.20.0.1"), "a bridge of this machine");
  EXPECT_EQ(reason(choice, "172.21.0.1"), "a TUN or TAP: what leaves there may come back");
  EXPECT_EQ(reason(choice, "10.10.0.1"), "?") << "the virtual NIC is no NIC";
}

TEST(BaseChoice, AnAllowListExcludesAllOthers) {
  CandidatePolicy policy;
  policy.allow_interfaces = {"eth*"};
  policy.allow_prefixes = {*net::Prefix::parse("192.168.0.0/16")};
  const auto choice = choose_addresses(
      {nic("eth0", {"192.168.0.100", "10.1.2.3"}), nic("wlan0", {"192.168.7.7"})}, policy, "", {});
  EXPECT_EQ(reason(choice, "192.168.0.100"), "");
  EXPECT_EQ(reason(choice, "10.1.2.3"), "it is in no block of candidates.allow_prefixes");
  EXPECT_EQ(reason(choice, "192.168.7.7"), "its interface is not in candidates.allow_interfaces");
}

TEST(BaseChoice, ABridgeIsUsedWhenItIsNamed) {
  CandidatePolicy policy;
  policy.allow_interfaces = {"br0"};
  const auto bridge = nic("br0", {"192.168.0.100"}, "bridge");
  EXPECT_EQ(reason(choose_addresses({bridge}, policy, "", {}), "192.168.0.100"), "");
  policy.allow_interfaces = {"br*"};
  EXPECT_NE(reason(choose_addresses({bridge}, policy, "", {}), "192.168.0.100"), "")
      << "a pattern is no name";
  policy.allow_interfaces = {"br0"};
  auto down = bridge;
  down.running = false;
  EXPECT_EQ(reason(choose_addresses({down}, policy, "", {}), "192.168.0.100"),
            "its interface is down, or has no carrier");
}

TEST(BaseChoice, ATemporaryAddressHidesTheOneWithTheHardwareAddress) {
  auto interface =
      nic("eth0", {"2001:db8::211:22ff:fe33:4455", "2001:db8::aaaa:bbbb:cccc:dddd", "2001:db8::7"});
  EXPECT_EQ(choose_addresses({interface}, {}, "", {}).chosen.size(), 3u);
  interface.addresses[1].temporary = true;
  auto choice = choose_addresses({interface}, {}, "", {});
  EXPECT_EQ(reason(choice, "2001:db8::211:22ff:fe33:4455"),
            "made of the hardware address; the temporary address of its network is used");
  EXPECT_EQ(reason(choice, "2001:db8::7"), "") << "configured by hand: it names no hardware";
  interface.addresses[1].deprecated = true;
  EXPECT_EQ(reason(choose_addresses({interface}, {}, "", {}), "2001:db8::211:22ff:fe33:4455"), "");
}

TEST(BaseChoice, ADeprecatedAddressInUseStays) {
  auto interface = nic("eth0", {"2001:db8::7"});
  interface.addresses[0].deprecated = true;
  EXPECT_EQ(reason(choose_addresses({interface}, {}, "", {}), "2001:db8::7"),
            "deprecated: not for new connections");
  EXPECT_EQ(reason(choose_addresses({interface}, {}, "", {ip("2001:db8::7")}), "2001:db8::7"), "");
  interface.addresses[0].tentative = true;
  EXPECT_NE(reason(choose_addresses({interface}, {}, "", {ip("2001:db8::7")}), "2001:db8::7"), "");
}

TEST(BaseChoice, AFloodOfAddressesIsBounded) {
  net::Interface flooded = nic("eth0", {});
  for (std::uint32_t i = 1; i <= 5000; ++i)
    flooded.addresses.push_back({net::IpAddress::v4(0x0a000000 + i), 8});
  const auto choice = choose_addresses({flooded}, {}, "", {});
  EXPECT_EQ(choice.chosen.size(), kMaxBases);
  EXPECT_EQ(choice.ignored.size(), kMaxIgnoredListed);
  EXPECT_EQ(choice.ignored.front().reason, "this machine has more than 32 addresses");
}

}  // namespace
}  // namespace causeway::daemon
