#include "server/src/admin/init_command.hpp"

#include <gtest/gtest.h>

#include "server/src/admin/print.hpp"

namespace causeway::server {
namespace {

InitOptions good() {
  InitOptions options;
  options.network = "home";
  options.pool = "10.10.0.0/24";
  options.listen = "198.51.100.1:7443";
  return options;
}

TEST(InitCommand, tokens_name_the_listen_address_unless_told_otherwise) {
  EXPECT_EQ(make_settings(good())->public_address.to_string(), "198.51.100.1:7443");
  auto options = good();
  options.listen = "0.0.0.0:7443";
  EXPECT_NE(make_settings(options).error().message.find("--public"), std::string::npos);
  options.public_address = "server.example:443";
  EXPECT_EQ(make_settings(options)->public_address.to_string(), "server.example:443");
  options.public_address = "0.0.0.0:443";
  EXPECT_FALSE(make_settings(options));
}

TEST(InitCommand, nodes_are_told_a_stun_address_they_can_reach) {
  auto options = good();
  options.stun_listen = {"0.0.0.0:3478", "198.51.100.9:3478"};
  const auto settings = make_settings(options).value();
  EXPECT_EQ(settings.stun_public[0].to_string(), "198.51.100.1:3478");
  EXPECT_EQ(settings.stun_public[1].to_string(), "198.51.100.9:3478");
  options.public_address = "server.example:443";
  EXPECT_FALSE(make_settings(options)) << "a name cannot stand in an ip:port list";
}

TEST(InitCommand, bad_options_are_named) {
  const auto problem = [](auto change) {
    auto options = good();
    change(options);
    const auto settings = make_settings(options);
    return settings ? std::string() : settings.error().message;
  };
  EXPECT_NE(problem([](auto& o) { o.network = "a b"; }).find("--network"), std::string::npos);
  EXPECT_NE(problem([](auto& o) { o.pool = "10.10.0.1/24"; }).find("pool"), std::string::npos);
  EXPECT_NE(problem([](auto& o) { o.listen = "7443"; }).find("--listen"), std::string::npos);
  EXPECT_NE(problem([](auto& o) { o.listen = "198.51.100.1:0"; }).find("--listen"), std::string::npos);
  EXPECT_NE(problem([](auto& o) { o.store = "postgresql://x"; }).find("--store"), std::string::npos);
  EXPECT_NE(problem([](auto& o) { o.turn = {"http://x"}; }).find("--turn"), std::string::npos);
  EXPECT_NE(problem([](auto& o) { o.turn_secret = "x"; }).find("--turn"), std::string::npos);
}

TEST(InitCommand, durations) {
  EXPECT_EQ(parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(parse_duration("24h"), std::chrono::hours(24));
  EXPECT_EQ(parse_duration("7d"), std::chrono::hours(168));
  for (const char* text : {"", "h", "24", "0h", "-1h", "1w", "1h ", "99999999999999999999h", "1.5h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Print, tables_are_aligned_and_null_is_a_dash) {
  const protocol::Json rows{{{"name", "a"}, {"virtual_address", nullptr}},
                            {{"name", "long"}, {"virtual_address", "x"}}};
  EXPECT_EQ(format_table(rows, {"name", "virtual_address"}), "NAME  VIRTUAL ADDRESS\na     -\nlong  x\n");
}

}  // namespace
}  // namespace causeway::server
