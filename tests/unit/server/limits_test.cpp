#include <gtest/gtest.h>

#include "core_harness.hpp"

namespace causeway::server {
namespace {

TEST(Limits, a_handshake_may_take_five_seconds) {
  CoreHarness harness;
  const ConnectionId id{900};
  ASSERT_EQ(harness.core->on_accepted(id, *net::IpAddress::parse("203.0.113.5"), harness.now),
            Admission::admitted);
  harness.advance(4s);
  EXPECT_EQ(harness.closed.count(id), 0U);
  harness.advance(1s);
  EXPECT_EQ(harness.closed.count(id), 1U);
}

TEST(Limits, authentication_may_take_five_seconds_whatever_is_sent) {
  CoreHarness harness;
  const ConnectionId id = harness.open();
  for (int i = 0; i < 4; ++i) {
    harness.advance(1s);
    harness.call(id, "ping", Json::object());
  }
  EXPECT_EQ(harness.closed.count(id), 0U);
  harness.advance(1s);
  EXPECT_EQ(harness.closed.count(id), 1U);
}

TEST(Limits, silence_ends_a_connection_and_pings_keep_it) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  alice.join(harness.token());
  for (int i = 0; i < 10; ++i) {
    harness.advance(60s);
    EXPECT_TRUE(harness.call(alice.connection, "ping", Json::object()).contains("result"));
  }
  harness.advance(149s);
  EXPECT_EQ(harness.closed.count(alice.connection), 0U);
  harness.advance(1s);
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
  EXPECT_EQ(harness.node_entry("alice")["state"], "offline");
}

TEST(Limits, messages_above_the_rate_are_told_to_wait_and_a_flood_is_cut) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  alice.join(harness.token());
  harness.advance(10s);  // the bucket is full again
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(harness.call(alice.connection, "ping", Json::object()).contains("result"));
  const Json slow = harness.call(alice.connection, "ping", Json::object());
  EXPECT_EQ(error_code(slow), code(ErrorCode::try_later));
  EXPECT_GT(slow["error"]["data"]["retry_after_ms"].get<int>(), 0);
  harness.advance(1s);
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(harness.call(alice.connection, "ping", Json::object()).contains("result"));
  for (int i = 0; i < 202; ++i)
    harness.line(alice.connection, "x");
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
}

/// Some messages of a slow flood pass, since the rate allows them; that must not excuse the rest.
TEST(Limits, a_flood_is_cut_however_slowly_it_comes) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  alice.join(harness.token());
  int sent = 0;
  while (sent < 1000 && harness.closed.count(alice.connection) == 0) {
    harness.line(alice.connection, "x");
    if (++sent % 3 == 0) harness.advance(10ms);
  }
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
  EXPECT_GT(sent, 300) << "both bursts are allowed";
  EXPECT_LT(sent, 400);
}

TEST(Limits, a_little_above_the_rate_is_refused_for_ever_and_never_cut) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  alice.join(harness.token());
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 30; ++i)
      harness.line(alice.connection, "x");
    harness.advance(1s);
  }
  EXPECT_EQ(harness.closed.count(alice.connection), 0U);
}

TEST(Limits, one_source_may_have_64_strangers_but_any_number_of_nodes) {
  CoreHarness harness;
  for (int i = 0; i < 64; ++i)
    ASSERT_NE(harness.open(), ConnectionId::none);
  EXPECT_EQ(harness.open(), ConnectionId::none);
  EXPECT_NE(harness.open("203.0.113.6"), ConnectionId::none);
  harness.advance(5s);  // they are cut
  EXPECT_NE(harness.open(), ConnectionId::none);
}

TEST(Limits, authenticated_connections_are_no_strangers) {
  AdmissionControl control(10'000);
  const auto source = *net::IpAddress::parse("203.0.113.5");
  SteadyTime now{};
  for (int i = 0; i < 300; ++i) {
    now += 50ms;
    ASSERT_EQ(control.open(source, now), Admission::admitted);
    control.authenticated(source);
  }
  for (int i = 0; i < 300; ++i)
    control.closed(source, true);
  EXPECT_EQ(control.connections(), 0U);
  EXPECT_EQ(control.strangers(), 0U);
}

TEST(Limits, one_source_opens_fifty_a_second_after_a_burst) {
  AdmissionControl control(1'000'000);
  const auto source = *net::IpAddress::parse("203.0.113.5");
  SteadyTime now{};
  const auto open_many = [&] {
    int opened = 0;
    for (int i = 0; i < 1000; ++i) {
      if (control.open(source, now) != Admission::admitted) continue;
      control.closed(source, false);
      ++opened;
    }
    return opened;
  };
  EXPECT_EQ(open_many(), 200);
  now += 1s;
  EXPECT_EQ(open_many(), 50);
}

TEST(Limits, a_slash_64_is_one_source_and_v4_mapped_is_v4) {
  AdmissionControl control(1'000'000);
  const SteadyTime now{};
  for (int i = 0; i < 64; ++i) {
    control.open(*net::IpAddress::parse(std::string("2001:db8::").append(std::to_string(i + 1))), now);
  }
  EXPECT_EQ(control.open(*net::IpAddress::parse("2001:db8::ffff"), now), Admission::source_full);
  EXPECT_EQ(control.open(*net::IpAddress::parse("2001:db8:0:1::1"), now), Admission::admitted);
  for (int i = 0; i < 64; ++i)
    control.open(*net::IpAddress::parse("203.0.113.5"), now);
  EXPECT_EQ(control.open(*net::IpAddress::parse("::ffff:203.0.113.5"), now), Admission::source_full);
}

TEST(Limits, strangers_have_a_tenth_of_the_limit_and_all_have_the_limit) {
  AdmissionControl control(1000);
  const auto open = [&](int i) {
    return control.open(net::IpAddress::v4(0x0a000000U + static_cast<std::uint32_t>(i)), SteadyTime{});
  };
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(open(i), Admission::admitted);
  EXPECT_EQ(open(100), Admission::strangers_full);
  AdmissionControl tiny(2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(tiny.open(*net::IpAddress::parse("10.0.0.1"), SteadyTime{}), Admission::admitted);
  }
  EXPECT_EQ(tiny.open(*net::IpAddress::parse("10.0.0.1"), SteadyTime{}), Admission::server_full);
}

TEST(Limits, sources_are_forgotten_when_they_are_quiet) {
  AdmissionControl control(1'000'000);
  SteadyTime now{};
  for (std::uint32_t i = 0; i < 50; ++i) {
    control.open(net::IpAddress::v4(0x0a000000U + i), now);
    control.closed(net::IpAddress::v4(0x0a000000U + i), false);
  }
  EXPECT_EQ(control.sources(), 50U);
  control.sweep(now + 10s);
  EXPECT_EQ(control.sources(), 0U);
}

TEST(Limits, a_line_that_is_too_long_gets_an_error_and_the_end) {
  CoreHarness harness;
  const ConnectionId id = harness.open();
  harness.core->on_line_too_long(id, harness.now);
  harness.pump();
  EXPECT_EQ(error_code(harness.inbox[id].at(0)), code(ErrorCode::parse_error));
  EXPECT_EQ(harness.closed.count(id), 1U);
}

TEST(Limits, garbage_gets_an_error_object_and_does_no_harm) {
  CoreHarness harness;
  const ConnectionId id = harness.open();
  for (const char* line :
       {"garbage", "[[[[[[[[[[[[[[[[[[[[[[", "{\"jsonrpc\":\"2.0\"}", "\xff\xfe", "null"}) {
    harness.line(id, line);
    ASSERT_EQ(harness.inbox[id].size(), 1U) << line;
    EXPECT_LT(error_code(harness.inbox[id].at(0)), -32000) << line;
    harness.inbox[id].clear();
  }
  harness.line(id, "");
  EXPECT_TRUE(harness.inbox[id].empty()) << "an empty line is no message";
  EXPECT_TRUE(harness.call(id, "ping", Json::object()).contains("result"));
}

TEST(Limits, lines_sent_while_the_disk_is_slow_are_bounded) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  const auto secret = harness.token();
  harness.hold_commits = true;
  alice.authenticate(secret);
  for (int i = 0; i < 128; ++i)
    harness.line(alice.connection, "{}");
  EXPECT_EQ(harness.closed.count(alice.connection), 0U);
  harness.line(alice.connection, "{}");
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
  harness.answer_commits();  // for a connection that is gone
}

TEST(Limits, shutdown_tells_nodes_when_to_come_back_and_keeps_their_addresses) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  alice.join(harness.token());
  harness.core->shut_down(harness.now);
  harness.pump();
  EXPECT_EQ(alice.take("shutdown").size(), 1U);
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
  EXPECT_EQ(harness.core->pending_commits(), 0U);
  harness.restart();
  EXPECT_EQ(harness.node_entry("alice")["virtual_address"], "10.10.0.1");
}

// ---- administration ----

TEST(Admin, lists_have_their_members) {
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  alice.join(harness.token({{"uses", 3}, {"expires_s", 60}, {"user", "Ann"}}));
  const Json node = harness.node_entry("alice");
  EXPECT_EQ(node["user"], "Ann");
  EXPECT_EQ(node["network"], "home");
  EXPECT_EQ(node["virtual_address"], "10.10.0.1");
  EXPECT_EQ(node["state"], "online");
  EXPECT_EQ(node["connected_since"], format_rfc3339(harness.now.wall));
  EXPECT_EQ(harness.admin("admin.users")["result"][0]["nodes"], 1);
  EXPECT_EQ(harness.admin("admin.networks")["result"][0]["owned"], 1);
  const Json token = harness.admin("admin.tokens")["result"][0];
  EXPECT_EQ(token["used"], 1);
  EXPECT_EQ(token["state"], "valid");
  EXPECT_EQ(token.dump().find("secret"), std::string::npos);
  EXPECT_EQ(harness.admin("admin.stats")["result"]["online"], 1);
}

TEST(Admin, wrong_requests_are_told) {
  CoreHarness harness;
  for (const Json& params : {Json{{"network", "nowhere"}, {"uses", 1}, {"expires_s", 60}},
                             Json{{"network", "home"}, {"uses", 0}, {"expires_s", 60}},
                             Json{{"network", "home"}, {"uses", 1}, {"expires_s", 0}},
                             Json{{"network", "home"}, {"uses", 1}, {"expires_s", 60}, {"user", "a b"}}}) {
    EXPECT_EQ(error_code(harness.admin("admin.token.create", params)), code(ErrorCode::invalid_params))
        << params;
  }
  EXPECT_EQ(error_code(harness.admin("admin.token.revoke", {{"token", "?"}})),
            code(ErrorCode::invalid_params));
  EXPECT_EQ(error_code(harness.admin("admin.fly")), code(ErrorCode::method_not_found));
}

TEST(Admin, the_secret_is_hashed_at_rest) {
  CoreHarness harness;
  const auto secret = harness.token();
  const Snapshot stored = harness.store.load().value();
  ASSERT_EQ(stored.tokens.size(), 1U);
  for (const auto& row : stored.tokens) {
    EXPECT_EQ(as_text(row.secret_hash).find(secret), std::string::npos);
    EXPECT_EQ(row.id.find(secret), std::string::npos);
  }
}

}  // namespace
}  // namespace causeway::server
