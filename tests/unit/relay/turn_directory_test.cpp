#include "relay/turn_directory.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace causeway::relay {
namespace {

class Directory : public ::testing::Test {
 protected:
  void set(std::vector<protocol::TurnServer> servers) {
    directory_.set(std::move(servers));
    context_.restart();
    context_.poll();
  }
  boost::asio::io_context context_;
  std::vector<std::vector<plugin::TurnServer>> told_;
  TurnDirectory directory_{
      context_, [this](std::vector<plugin::TurnServer> servers) { told_.push_back(std::move(servers)); }};
};

TEST_F(Directory, AddressesNeedNoLookUp) {
  set({{"turn:198.51.100.9?transport=udp", "user", "secret", 99}, {"turns:[2001:db8::9]:443", "", "", 0}});
  ASSERT_EQ(told_.size(), 1U);
  ASSERT_EQ(told_[0].size(), 2U);
  EXPECT_EQ(told_[0][0], (plugin::TurnServer{"turn:198.51.100.9?transport=udp",
                                             {*net::Endpoint::parse("198.51.100.9:3478")},
                                             "user",
                                             "secret",
                                             99}));
  EXPECT_EQ(told_[0][1].addresses, (std::vector{*net::Endpoint::parse("[2001:db8::9]:443")}));
}

TEST_F(Directory, TellsNewsOnly) {
  set({{"turn:198.51.100.9", "user", "old", 1}});
  set({{"turn:198.51.100.9", "user", "old", 1}});
  EXPECT_EQ(told_.size(), 1U);
  set({{"turn:198.51.100.9", "user", "new", 2}});
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[1][0].password, "new");
  set({});
  ASSERT_EQ(told_.size(), 3U);
  EXPECT_TRUE(told_[2].empty());
}

TEST_F(Directory, WhatIsNoTurnUriIsLeftOutAndTheListIsBounded) {
  std::vector<protocol::TurnServer> servers = {{"stun:198.51.100.9", "", "", 0}, {"", "", "", 0}};
  for (int i = 0; i < 40; ++i)
    servers.push_back({fmt::format("turn:198.51.100.{}", i + 1), "", "", 0});
  set(std::move(servers));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].size(), TurnDirectory::kMaxServers);
}

/// Loopback is nobody's relay; and a name that fails keeps the others from nothing.
TEST_F(Directory, ANameWithoutAUsableAddressIsNotTold) {
  set({{"turn:localhost", "", "", 0}, {"turn:198.51.100.9", "", "", 0}});
  context_.restart();
  context_.run_for(std::chrono::milliseconds(200));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].size(), 1U);
}

TEST(TurnDirectoryEnd, NothingIsToldAfterwards) {
  boost::asio::io_context context;
  bool was_told = false;
  {
    TurnDirectory directory(context, [&](const auto&) { was_told = true; });
    directory.set({{"turn:198.51.100.9", "", "", 0}, {"turn:relay.invalid", "", "", 0}});
  }
  context.run_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(was_told);
}

}  // namespace
}  // namespace causeway::relay
