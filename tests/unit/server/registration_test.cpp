#include <gtest/gtest.h>

#include "core_harness.hpp"

namespace causeway::server {
namespace {

class Registration : public testing::Test {
 protected:
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  TestNode bob{harness, 2, "bob"};
};

TEST_F(Registration, gives_the_lowest_free_address_and_what_a_node_needs) {
  alice.authenticate(harness.token());
  const Json result = alice.register_node()["result"];
  EXPECT_EQ(result["virtual_address"], "10.10.0.1");
  EXPECT_EQ(result["prefix"], "10.10.0.0/24");
  EXPECT_EQ(result["stun"], Json({"198.51.100.1:3478"}));
  EXPECT_EQ(result["lease_s"], 86'400);
  const Json turn = result["turn"][0];
  EXPECT_EQ(turn["uri"], "turn:198.51.100.2:3478");
  EXPECT_EQ(turn["username"].get<std::string>().substr(0, 11), "1800086400:");
  EXPECT_EQ(from_base64(turn["password"].get<std::string>())->size(), 20U) << "HMAC-SHA1";
  EXPECT_EQ(bob.join(harness.token()), "10.10.0.2");
}

TEST_F(Registration, gives_an_ipv6_address_that_follows_from_the_ipv4_one) {
  alice.authenticate(harness.token());
  const Json result = alice.register_node()["result"];
  EXPECT_EQ(result["prefix6"], "fd12:3456:789a::/64");
  EXPECT_EQ(result["virtual_address6"], "fd12:3456:789a::a0a:1");
  bob.network = "office";
  bob.authenticate(harness.token({{"uses", 1}, {"expires_s", 60}}, "office"));
  const Json without = bob.register_node()["result"];
  EXPECT_EQ(without["virtual_address"], "10.20.0.1");
  EXPECT_FALSE(without.contains("prefix6") || without.contains("virtual_address6"));
}

TEST_F(Registration, a_node_whose_record_names_anothers_ipv6_address_is_shown_to_nobody) {
  alice.join(harness.token());
  bob.join(harness.token());
  const auto is_seen = [&] {
    return harness.call(alice.connection, "query", {{"addresses", {bob.address}}})["result"]["nodes"].size();
  };
  const auto tell = [&](const char* address6) {
    auto record = bob.content(++bob.serial);
    record.virtual_addresses.push_back(*net::IpAddress::parse(address6));
    harness.call(bob.connection, "update",
                 protocol::UpdateParams{{}, protocol::sign(record, bob.keys().secret)}.to_json());
  };
  EXPECT_EQ(is_seen(), 1U) << "one that names none is of an older node";
  tell("fd12:3456:789a::a0a:1");  // alice's
  EXPECT_EQ(is_seen(), 0U);
  tell("2001:db8::a0a:2");
  EXPECT_EQ(is_seen(), 0U);
  tell("fd12:3456:789a::a0a:2");
  EXPECT_EQ(is_seen(), 1U);
}

TEST_F(Registration, nodes_of_a_large_server_are_told_to_come_back_over_some_time) {
  alice.authenticate(harness.token());
  EXPECT_FALSE(alice.register_node()["result"].contains("reconnect_ms")) << "two nodes are no herd";
  CoreHarness large("10.10.0.0/16", 20'000);
  const auto secret = large.token({{"uses", 5000}, {"expires_s", 600}});
  for (unsigned i = 0; i < 2000; ++i) {
    TestNode node{large, 10'000 + i, ""};
    node.source = source_of(i);
    node.authenticate(secret);
    node.register_node();
  }
  large.advance(10s);
  large.restart();  // all are away, and counted
  TestNode first{large, 10'000, ""};
  first.authenticate();
  EXPECT_EQ(first.register_node()["result"]["reconnect_ms"], 2000) << "1,000 a second";
}

TEST_F(Registration, the_address_survives_reconnect_and_restart_and_the_epoch_rises) {
  alice.join(harness.token());
  bob.join(harness.token());
  const auto epoch = alice.register_node()["result"]["epoch"].get<std::uint64_t>();
  harness.end(alice.connection);
  alice.authenticate();
  const Json again = alice.register_node()["result"];
  EXPECT_EQ(again["virtual_address"], alice.address);
  EXPECT_GT(again["epoch"].get<std::uint64_t>(), epoch);
  harness.restart();
  bob.authenticate();
  EXPECT_EQ(bob.register_node()["result"]["virtual_address"], "10.10.0.2");
}

TEST_F(Registration, a_known_node_comes_back_while_the_store_is_down) {
  alice.join(harness.token());
  harness.end(alice.connection);
  harness.store.fail_commits(true);
  EXPECT_TRUE(alice.authenticate().contains("result"));
  EXPECT_EQ(alice.register_node()["result"]["virtual_address"], alice.address);
  EXPECT_EQ(bob.authenticate("x")["error"]["code"], code(ErrorCode::token_invalid)) << "it still answers";
}

TEST_F(Registration, other_methods_need_it_first) {
  alice.authenticate(harness.token());
  for (const char* method : {"update", "query", "connect"}) {
    EXPECT_EQ(error_code(harness.call(alice.connection, method, Json::object())),
              code(ErrorCode::not_registered));
  }
}

TEST_F(Registration, an_exhausted_pool_is_told) {
  CoreHarness small("10.10.0.101-10.10.0.102");
  TestNode a{small, 1, "a"}, b{small, 2, "b"}, c{small, 3, "c"};
  EXPECT_EQ(a.join(small.token()), "10.10.0.101");
  EXPECT_EQ(b.join(small.token()), "10.10.0.102");
  c.authenticate(small.token());
  EXPECT_EQ(error_code(c.register_node()), code(ErrorCode::pool_exhausted));
}

TEST_F(Registration, leaving_frees_the_address_but_keeps_it_for_its_owner) {
  alice.join(harness.token());
  EXPECT_TRUE(harness.call(alice.connection, "deregister", Json::object()).contains("result"));
  EXPECT_EQ(harness.closed.count(alice.connection), 1U);
  EXPECT_EQ(harness.node_entry("alice"), Json()) << "gone from nodes";
  EXPECT_EQ(bob.join(harness.token()), "10.10.0.2") << "others get it last";
  harness.restart();
  alice.authenticate();  // without a token
  EXPECT_EQ(alice.register_node()["result"]["virtual_address"], "10.10.0.1");
}

TEST_F(Registration, a_freed_address_is_given_away_when_nothing_else_is_free) {
  CoreHarness small("10.10.0.101-10.10.0.102");
  TestNode a{small, 1, "a"}, b{small, 2, "b"}, c{small, 3, "c"};
  a.join(small.token());
  b.join(small.token());
  small.call(a.connection, "deregister", Json::object());
  EXPECT_EQ(c.join(small.token()), "10.10.0.101");
  a.authenticate();
  EXPECT_EQ(error_code(a.register_node()), code(ErrorCode::pool_exhausted)) << "never two owners";
  small.restart();
  c.authenticate();
  EXPECT_EQ(c.register_node()["result"]["virtual_address"], "10.10.0.101");
}

TEST_F(Registration, after_a_day_a_freed_address_is_an_ordinary_one) {
  alice.join(harness.token());
  harness.call(alice.connection, "deregister", Json::object());
  harness.advance(std::chrono::hours(24) + 11s);
  EXPECT_EQ(bob.join(harness.token()), "10.10.0.1");
}

TEST_F(Registration, a_lease_ends_after_a_day_offline) {
  alice.join(harness.token());
  harness.end(alice.connection);
  harness.advance(std::chrono::hours(23));
  EXPECT_EQ(harness.node_entry("alice")["virtual_address"], "10.10.0.1");
  harness.advance(std::chrono::hours(1) + 11s);
  EXPECT_EQ(harness.node_entry("alice")["virtual_address"], Json());
  harness.advance(std::chrono::hours(24) + 11s);
  EXPECT_EQ(bob.join(harness.token()), "10.10.0.1");
  alice.authenticate();
  EXPECT_EQ(alice.register_node()["result"]["virtual_address"], "10.10.0.2");
}

TEST_F(Registration, a_restarted_server_gives_connected_nodes_a_whole_lease) {
  alice.join(harness.token());
  harness.advance(std::chrono::hours(0));
  harness.now.wall += std::chrono::hours(48);  // the machine was off
  harness.restart();
  harness.advance(std::chrono::hours(23));
  EXPECT_EQ(harness.node_entry("alice")["virtual_address"], "10.10.0.1");
}

TEST_F(Registration, removal_frees_name_and_address_and_is_told_to_the_network) {
  alice.join(harness.token());
  bob.join(harness.token());
  EXPECT_TRUE(harness.admin("admin.node.remove", {{"name", "Alice"}}).contains("result"));
  const auto told = bob.take("peer.changed");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], Json({{"virtual_address", "10.10.0.1"}, {"state", "gone"}}));
  EXPECT_EQ(harness.node_entry("alice"), Json());
  EXPECT_EQ(error_code(harness.admin("admin.node.remove", {{"name", "alice"}})),
            code(ErrorCode::invalid_params));
}

// ---- records ----

TEST_F(Registration, lower_serials_are_stale) {
  alice.join(harness.token());
  EXPECT_TRUE(alice.update(9).contains("result"));
  EXPECT_EQ(error_code(alice.update(8)), code(ErrorCode::stale));
  EXPECT_TRUE(alice.update(9).contains("result")) << "the same again is no rollback";
  harness.advance(1s);
  EXPECT_EQ(error_code(alice.update(9)), code(ErrorCode::stale)) << "the serial of another text";
  harness.restart();
  alice.authenticate();
  alice.register_node();
  EXPECT_EQ(error_code(alice.update(8)), code(ErrorCode::stale)) << "also after a restart";
}

TEST_F(Registration, records_of_others_and_broken_ones_are_refused) {
  alice.join(harness.token());
  bob.join(harness.token());
  const auto send = [&](const protocol::SignedRecord& record) {
    return error_code(harness.call(alice.connection, "update", protocol::UpdateParams{{}, record}.to_json()));
  };
  EXPECT_EQ(send(bob.record(50)), code(ErrorCode::invalid_params));
  auto broken = alice.record(50);
  broken.signature[0] ^= 1;
  EXPECT_EQ(send(broken), code(ErrorCode::invalid_params));
}

TEST_F(Registration, a_node_is_invisible_until_its_record_names_its_address) {
  bob.join(harness.token());
  alice.authenticate(harness.token());
  alice.address = alice.register_node()["result"]["virtual_address"];
  const auto seen = [&] {
    return harness.call(bob.connection, "query", {{"addresses", "*"}})["result"]["nodes"].size();
  };
  EXPECT_EQ(seen(), 0U);
  const auto right = alice.address;
  alice.address = "10.10.0.77";
  EXPECT_TRUE(alice.update(1).contains("result"));
  EXPECT_EQ(seen(), 0U);
  alice.address = right;
  EXPECT_TRUE(alice.update(2).contains("result"));
  EXPECT_EQ(seen(), 1U);
}

}  // namespace
}  // namespace causeway::server
