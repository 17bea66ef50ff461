#include "tun/interface_config.hpp"

#include <gtest/gtest.h>

#include <array>

#include "net/nic_monitor.hpp"
#include "support/network_namespace.hpp"

namespace causeway::tun {
namespace {

net::IpAddress address(const char* text) { return *net::IpAddress::parse(text); }
net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }

class InterfaceConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    home_ = test::current_network_namespace();
    ASSERT_EQ(test::enter_new_network_namespace(), "");
    ASSERT_TRUE(test::ip("tuntap add cw0 mode tun"));
    auto opened = InterfaceConfig::open("cw0");
    ASSERT_TRUE(opened) << opened.error().message;
    config_.emplace(std::move(*opened));
  }
  void TearDown() override {
    config_.reset();
    test::enter(home_);
  }

  net::Interface now() {
    auto monitor = net::NicMonitor::open();
    return *monitor.value().find("cw0");
  }
  /// Whether `ip` shows a route to exactly this, with these words in its line.
  bool has_route(const std::string& destination, const std::string& words = "") {
    return test::run({"sh", "-c",
                      "{ ip -4 route show; ip -6 route show; } | grep '^" + destination +
                          " ' | grep -q -- 'dev cw0.*" + words + "'"}) == 0;
  }

  net::FileDescriptor home_;
  std::optional<InterfaceConfig> config_;
};

TEST_F(InterfaceConfigTest, sets_address_mtu_and_state) {
  ASSERT_TRUE(config_->set_mtu(1467));
  ASSERT_TRUE(config_->set_queue_length(123));
  ASSERT_TRUE(config_->add_address(address("10.10.0.101"), 24));
  ASSERT_TRUE(config_->add_address(address("fd00:10::101"), 64));
  ASSERT_TRUE(config_->set_up(true));
  const net::Interface interface = now();
  EXPECT_EQ(interface.mtu, 1467u);
  EXPECT_TRUE(interface.up);
  EXPECT_EQ(interface.kind, "tun");
  EXPECT_EQ(
      test::run({"sh", "-c", "test $(cat /sys/class/net/cw0/tx_queue_len 2>/dev/null || echo 500) = 500"}),
      0);
  const auto holds = [&](const char* wanted, int length) {
    return std::any_of(interface.addresses.begin(), interface.addresses.end(), [&](const auto& one) {
      return one.address == address(wanted) && one.prefix_length == length && !one.tentative;
    });
  };
  EXPECT_TRUE(holds("10.10.0.101", 24));
  EXPECT_TRUE(holds("fd00:10::101", 64));
  EXPECT_TRUE(has_route("10.10.0.0/24"));
}

TEST_F(InterfaceConfigTest, repeating_and_removing_twice_are_harmless) {
  ASSERT_TRUE(config_->set_up(true));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(config_->add_address(address("10.10.0.101"), 24));
    ASSERT_TRUE(config_->add_address(address("fd00:10::101"), 64));
  }
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(config_->remove_address(address("10.10.0.101"), 24));
    ASSERT_TRUE(config_->remove_address(address("fd00:10::101"), 64));
  }
  for (const auto& left : now().addresses)
    EXPECT_TRUE(left.address.is_link_local()) << left.address.to_string();
}

TEST_F(InterfaceConfigTest, routes_carry_an_mtu) {
  ASSERT_TRUE(config_->set_up(true));
  ASSERT_TRUE(config_->add_route(prefix("192.0.2.0/25"), 1420));
  ASSERT_TRUE(config_->add_route(prefix("2001:db8:5::/48"), 1420));
  EXPECT_TRUE(has_route("192.0.2.0/25", "mtu 1420"));
  EXPECT_TRUE(has_route("2001:db8:5::/48", "mtu 1420"));
  ASSERT_TRUE(config_->add_route(prefix("192.0.2.0/25"), 1380)) << "replaces ours";
  EXPECT_TRUE(has_route("192.0.2.0/25", "mtu 1380"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(config_->remove_route(prefix("192.0.2.0/25")));
    ASSERT_TRUE(config_->remove_route(prefix("2001:db8:5::/48")));
  }
  EXPECT_FALSE(has_route("192.0.2.0/25"));
  EXPECT_FALSE(has_route("2001:db8:5::/48"));
}

TEST_F(InterfaceConfigTest, another_nics_route_is_left_alone) {
  ASSERT_TRUE(config_->set_up(true));
  ASSERT_TRUE(test::ip("link add eth0 type veth peer name far0"));
  ASSERT_TRUE(test::ip("link set eth0 up"));
  ASSERT_TRUE(test::ip("route add default dev eth0"));
  const auto added = config_->add_route(prefix("0.0.0.0/0"));
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message.find("0.0.0.0/0"), std::string::npos);
  EXPECT_EQ(test::run({"sh", "-c", "ip route show | grep -q '^default dev eth0'"}), 0);
}

TEST_F(InterfaceConfigTest, errors_name_the_nic_and_the_attempt) {
  const auto nowhere = InterfaceConfig::open("nosuchnic0");
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("nosuchnic0"), std::string::npos);
  const auto down = config_->add_route(prefix("192.0.2.0/25"));
  ASSERT_FALSE(down) << "a NIC that is down takes no routes";
  EXPECT_NE(down.error().message.find("cw0"), std::string::npos);
  EXPECT_NE(down.error().message.find("192.0.2.0/25"), std::string::npos);
  EXPECT_FALSE(config_->set_mtu(1));
}

TEST(FindOverlap, the_first_network_that_shares_addresses) {
  const std::array networks{
      net::LocalNetwork{"lo", prefix("127.0.0.0/8")}, net::LocalNetwork{"ppp0", prefix("0.0.0.0/0")},
      net::LocalNetwork{"eth0", prefix("10.0.0.0/8")}, net::LocalNetwork{"eth1", prefix("192.168.7.64/26")}};
  EXPECT_EQ(find_overlap(prefix("10.10.0.0/24"), networks)->interface, "eth0");
  EXPECT_EQ(find_overlap(prefix("192.168.0.0/16"), networks)->interface, "eth1");
  EXPECT_EQ(find_overlap(prefix("127.1.0.0/16"), networks)->interface, "lo");
  EXPECT_FALSE(find_overlap(prefix("172.16.0.0/12"), networks));
  EXPECT_FALSE(find_overlap(prefix("fd00::/8"), networks));
}

}  // namespace
}  // namespace causeway::tun
