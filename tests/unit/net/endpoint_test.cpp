#include "net/endpoint.hpp"

#include <gtest/gtest.h>

namespace causeway::net {
namespace {

TEST(IpAddress, ParsesAndPrints) {
  for (const char* text : {"0.0.0.0", "198.51.100.7", "2001:db8::1", "::", "fe80::1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4/24", "::1%eth0", "localhost", " 1.2.3.4"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(IpAddress, MappedAddressIsTheIpv4AddressItMeans) {
  EXPECT_EQ(IpAddress::parse("::ffff:127.0.0.1"), IpAddress::parse("127.0.0.1"));
  EXPECT_TRUE(IpAddress::parse("::ffff:127.0.0.1")->is_loopback());
}

TEST(IpAddress, KnowsWhatACandidateMayNotBe) {
  for (const char* text :
       {"127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "0.1.2.3"}) {
    EXPECT_FALSE(IpAddress::parse(text)->is_usable_unicast()) << text;
  }
  for (const char* text : {"192.0.2.1", "100.64.0.1", "10.0.0.1", "2001:db8::1", "fe80::1"}) {
    EXPECT_TRUE(IpAddress::parse(text)->is_usable_unicast()) << text;
  }
}

TEST(Endpoint, ParsesAndPrints) {
  for (const char* text : {"198.51.100.7:3478", "[2001:db8::1]:3478", "0.0.0.0:0"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->to_string(), text);
  }
  for (const char* text :
       {"198.51.100.7", ":1", "1.2.3.4:", "1.2.3.4:65536", "2001:db8::1:3478", "[1.2.3.4]:1", "1.2.3.4:-1"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Prefix, HoldsItsAddresses) {
  const auto prefix = *Prefix::parse("10.10.0.96/27");
  EXPECT_TRUE(prefix.contains(*IpAddress::parse("10.10.0.101")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("10.10.0.128")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(Prefix::parse("10.10.0.97/27")) << "bits behind the length";
  EXPECT_FALSE(Prefix::parse("10.10.0.0/33"));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(*IpAddress::parse("1.2.3.4")));
  EXPECT_TRUE(Prefix::parse("10.0.0.0/8")->overlaps(prefix));
  EXPECT_FALSE(Prefix::parse("10.11.0.0/16")->overlaps(prefix));
}

}  // namespace
}  // namespace causeway::net
