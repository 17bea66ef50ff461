// A priority plugin is told on which NIC the base of a local candidate is.
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;

class InterfaceName : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = world_.host().load(test_plugin("moody"), world_.now());
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(world_.host().use({{"moody"}}, world_.now()));
  }
  std::string told(std::uint32_t base) {
    auto path = make_path(1, 1);
    path.local.base = net::BaseId{base};
    return world_.score("interface", {path}).scores.at(0).reason;
  }
  HostWorld world_;
};

TEST_F(InterfaceName, OfTheBaseAsItIsAtPresent) {
  const auto address = *net::Endpoint::parse("192.168.0.100:41641");
  world_.host().set_bases({{net::BaseId{1}, address, "eth0"}, {net::BaseId{2}, address, "wwan0"}},
                          world_.now());
  EXPECT_EQ(told(1), "eth0");
  EXPECT_EQ(told(2), "wwan0");
  world_.host().set_bases({{net::BaseId{3}, address, "wlan0"}}, world_.now());
  EXPECT_EQ(told(1), "");
  EXPECT_EQ(told(3), "wlan0");
}

TEST_F(InterfaceName, EmptyWithoutBasesAndForUnknownOnes) {
  EXPECT_EQ(told(1), "");
  EXPECT_EQ(told(0), "");
}

}  // namespace
}  // namespace causeway::plugin
