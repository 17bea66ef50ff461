#include "net/nic_monitor.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include "support/network_namespace.hpp"

namespace causeway::net {
namespace {

Interface nic(std::string name, std::string kind = "") {
  Interface made;
  made.name = std::move(name);
  made.kind = std::move(kind);
  made.up = made.running = true;
  return made;
}

InterfaceAddress at(const char* address, std::uint8_t length) { return {*IpAddress::parse(address), length}; }

TEST(CandidateInterface, real_nics_and_containers_nics_are_used) {
  for (const char* name : {"eth0", "enp3s0", "wlan0", "wwan0", "eno1", "en-br-0", "docker0"}) {
    EXPECT_TRUE(is_candidate_interface(nic(name))) << name;
  }
  EXPECT_TRUE(is_candidate_interface(nic("eth0", "veth"))) << "inside a container the real NIC is a veth";
  EXPECT_TRUE(is_candidate_interface(nic("bond0", "bond")));
  EXPECT_TRUE(is_candidate_interface(nic("eth0.7", "vlan")));
}

TEST(CandidateInterface, ignored_by_kind_and_state) {
  EXPECT_EQ(why_no_candidate(nic("cw0", "tun")), NotCandidate::tunnel);
  EXPECT_EQ(why_no_candidate(nic("lan", "bridge")), NotCandidate::bridge);
  Interface loopback = nic("lo");
  loopback.loopback = true;
  EXPECT_EQ(why_no_candidate(loopback), NotCandidate::loopback);
  Interface down = nic("eth0");
  down.up = false;
  EXPECT_EQ(why_no_candidate(down), NotCandidate::not_running);
  Interface unplugged = nic("eth0");
  unplugged.running = false;
  EXPECT_EQ(why_no_candidate(unplugged), NotCandidate::not_running);
}

TEST(CandidateAddress, ordinary_ones_are_used) {
  for (const char* address :
       {"192.168.0.100", "203.0.113.5", "100.64.1.2", "10.0.0.1", "2001:db8::1", "fd00::7"}) {
    EXPECT_EQ(why_no_candidate(at(address, 24)), NotCandidate::is_candidate) << address;
  }
}

TEST(CandidateAddress, others_say_why_not) {
  EXPECT_EQ(why_no_candidate(at("127.0.0.1", 8)), NotCandidate::loopback);
  EXPECT_EQ(why_no_candidate(at("169.254.3.4", 16)), NotCandidate::link_local);
  EXPECT_EQ(why_no_candidate(at("fe80::1", 64)), NotCandidate::link_local);
  EXPECT_EQ(why_no_candidate(at("0.0.0.0", 0)), NotCandidate::not_unicast);
  EXPECT_EQ(why_no_candidate(at("ff02::1", 128)), NotCandidate::not_unicast);
  InterfaceAddress tentative = at("2001:db8::1", 64);
  tentative.tentative = true;
  EXPECT_EQ(why_no_candidate(tentative), NotCandidate::tentative);
  InterfaceAddress deprecated = at("2001:db8::1", 64);
  deprecated.deprecated = true;
  EXPECT_EQ(why_no_candidate(deprecated), NotCandidate::deprecated);
  for (int reason = 0; reason <= static_cast<int>(NotCandidate::deprecated); ++reason) {
    EXPECT_FALSE(to_text(static_cast<NotCandidate>(reason)).empty());
  }
}

TEST(LocalNetworks, all_that_are_up_but_one) {
  std::vector<Interface> interfaces{nic("eth0"), nic("cw0", "tun"), nic("eth1")};
  interfaces[0].addresses = {at("192.168.0.100", 24), at("2001:db8::5", 64)};
  interfaces[1].addresses = {at("10.10.0.101", 24)};
  interfaces[2].addresses = {at("172.16.0.1", 16)};
  interfaces[2].up = false;
  const auto networks = local_networks(interfaces, "cw0");
  ASSERT_EQ(networks.size(), 2u);
  EXPECT_EQ(networks[0].interface, "eth0");
  EXPECT_EQ(networks[0].prefix, *Prefix::parse("192.168.0.0/24"));
  EXPECT_EQ(networks[1].prefix, *Prefix::parse("2001:db8::/64"));
}

class NicMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    home_ = test::current_network_namespace();
    ASSERT_EQ(test::enter_new_network_namespace(), "");
    ASSERT_TRUE(test::ip("link add eth0 type veth peer name far0"));
    auto opened = NicMonitor::open();
    ASSERT_TRUE(opened) << opened.error().message;
    monitor_.emplace(std::move(*opened));
  }
  void TearDown() override {
    monitor_.reset();
    test::enter(home_);
  }

  /// Waits for notifications until the list has changed.
  bool wait_for_change() {
    for (;;) {
      pollfd waiting{monitor_->descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, 5000) != 1) return false;
      const auto changed = monitor_->refresh();
      if (!changed) return false;
      if (*changed) return true;
    }
  }

  bool has(const char* name, const char* address) {
    const Interface* interface = monitor_->find(name);
    if (interface == nullptr) return false;
    for (const auto& one : interface->addresses) {
      if (one.address == *IpAddress::parse(address)) return true;
    }
    return false;
  }

  FileDescriptor home_;
  std::optional<NicMonitor> monitor_;
};

TEST_F(NicMonitorTest, lists_what_is_there) {
  const Interface* lo = monitor_->find("lo");
  ASSERT_NE(lo, nullptr);
  EXPECT_TRUE(lo->loopback);
  const Interface* eth0 = monitor_->find("eth0");
  ASSERT_NE(eth0, nullptr);
  EXPECT_EQ(eth0->kind, "veth");
  EXPECT_EQ(eth0->mtu, 1500u);
  EXPECT_FALSE(eth0->up);
  EXPECT_GT(eth0->index, 0);
  EXPECT_EQ(monitor_->find("nosuchnic0"), nullptr);
}

TEST_F(NicMonitorTest, sees_an_address_come_and_go) {
  ASSERT_TRUE(test::ip("addr add 192.0.2.7/24 dev eth0"));
  ASSERT_TRUE(wait_for_change());
  ASSERT_TRUE(has("eth0", "192.0.2.7"));
  EXPECT_EQ(monitor_->find("eth0")->addresses[0].prefix(), *Prefix::parse("192.0.2.0/24"));
  ASSERT_TRUE(test::ip("addr add 2001:db8::7/64 dev eth0 nodad"));
  ASSERT_TRUE(wait_for_change());
  EXPECT_TRUE(has("eth0", "2001:db8::7"));
  ASSERT_TRUE(test::ip("addr del 192.0.2.7/24 dev eth0"));
  ASSERT_TRUE(wait_for_change());
  EXPECT_FALSE(has("eth0", "192.0.2.7"));
}

TEST_F(NicMonitorTest, sees_the_far_end_of_a_point_to_point_link_as_not_ours) {
  ASSERT_TRUE(test::ip("addr add 192.0.2.7 peer 192.0.2.8/32 dev eth0"));
  ASSERT_TRUE(wait_for_change());
  EXPECT_TRUE(has("eth0", "192.0.2.7"));
  EXPECT_FALSE(has("eth0", "192.0.2.8"));
}

TEST_F(NicMonitorTest, a_carrier_needs_both_ends) {
  ASSERT_TRUE(test::ip("link set eth0 up"));
  ASSERT_TRUE(wait_for_change());
  EXPECT_TRUE(monitor_->find("eth0")->up);
  EXPECT_FALSE(is_candidate_interface(*monitor_->find("eth0")));
  ASSERT_TRUE(test::ip("link set far0 up"));
  while (!is_candidate_interface(*monitor_->find("eth0")))
    ASSERT_TRUE(wait_for_change());
}

TEST_F(NicMonitorTest, knows_the_router_of_each_nic) {
  ASSERT_TRUE(test::ip("link set eth0 up"));
  ASSERT_TRUE(test::ip("link set far0 up"));
  ASSERT_TRUE(test::ip("addr add 10.1.2.7/24 dev eth0"));
  ASSERT_TRUE(test::ip("addr add 2001:db8:5::7/64 dev eth0 nodad"));
  while (!has("eth0", "10.1.2.7") || !has("eth0", "2001:db8:5::7") ||
         !is_candidate_interface(*monitor_->find("eth0")))
    ASSERT_TRUE(wait_for_change());
  EXPECT_EQ(monitor_->find("eth0")->gateway4, std::nullopt);
  ASSERT_TRUE(test::ip("route add default via 10.1.2.1"));
  while (!monitor_->find("eth0")->gateway4)
    ASSERT_TRUE(wait_for_change());
  EXPECT_EQ(monitor_->find("eth0")->gateway(Family::ipv4), IpAddress::parse("10.1.2.1"));
  ASSERT_TRUE(test::ip("-6 route add default via fe80::1 dev eth0"));
  while (!monitor_->find("eth0")->gateway6)
    ASSERT_TRUE(wait_for_change());
  EXPECT_EQ(monitor_->find("eth0")->gateway(Family::ipv6), IpAddress::parse("fe80::1"));
  EXPECT_TRUE(monitor_->take_default_route_change());
  ASSERT_TRUE(test::ip("route del default"));
  while (monitor_->find("eth0")->gateway4)
    ASSERT_TRUE(wait_for_change());
}

TEST_F(NicMonitorTest, sees_a_nic_come_and_go) {
  ASSERT_TRUE(test::ip("link add lan0 type bridge"));
  ASSERT_TRUE(wait_for_change());
  ASSERT_NE(monitor_->find("lan0"), nullptr);
  EXPECT_EQ(why_no_candidate(*monitor_->find("lan0")), NotCandidate::bridge);
  ASSERT_TRUE(test::ip("link del lan0"));
  ASSERT_TRUE(wait_for_change());
  EXPECT_EQ(monitor_->find("lan0"), nullptr);
}

TEST_F(NicMonitorTest, lost_notifications_leave_no_trace) {
  // More changes than the socket's buffer holds, in one go by ip's batch mode.
  std::string path = "/tmp/nic_monitor_test.XXXXXX";
  FileDescriptor batch(::mkstemp(path.data()));
  ASSERT_TRUE(batch);
  std::string lines;
  for (int i = 0; i < 2500; ++i) {
    const std::string address = "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".1/32";
    lines += "addr add " + address + " dev eth0\n";
    if (i != 1234) lines += "addr del " + address + " dev eth0\n";
  }
  ASSERT_EQ(::write(batch.get(), lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
  EXPECT_EQ(test::run({"ip", "-batch", path}), 0);
  ::unlink(path.c_str());
  ASSERT_TRUE(wait_for_change());
  ASSERT_EQ(monitor_->find("eth0")->addresses.size(), 1u);
  EXPECT_TRUE(has("eth0", "10.4.234.1"));
  pollfd waiting{monitor_->descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0) << "all notifications were read away";
}

}  // namespace
}  // namespace causeway::net
