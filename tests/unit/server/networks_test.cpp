#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_harness.hpp"

namespace causeway::server {
namespace {

/// Two networks with one pool and one set of names.
class Networks : public testing::Test {
 protected:
  Networks() {
    EXPECT_TRUE(harness.admin("admin.network.add", {{"network", "lab"}, {"pool", "10.10.0.0/24"}})
                    .contains("result"));
    alice_of_lab.network = "lab";
    bob_of_lab.network = "lab";
  }
  CoreHarness harness;
  TestNode alice{harness, 1, "alice"};
  TestNode alice_of_lab{harness, 2, "alice"};
  TestNode bob_of_lab{harness, 3, "bob"};
};

TEST_F(Networks, a_network_made_while_the_server_runs_is_there_at_once_and_after_a_restart) {
  EXPECT_EQ(alice_of_lab.join(harness.token({{"uses", 1}, {"expires_s", 60}}, "lab")), "10.10.0.1");
  harness.restart();
  EXPECT_EQ(harness.admin("admin.networks")["result"].size(), 3U);
  EXPECT_EQ(alice_of_lab.join(), "10.10.0.1");
}

TEST_F(Networks, what_cannot_be_a_network_is_refused_with_what_to_do) {
  const auto refusal = [this](const char* name, const char* pool) -> std::string {
    const Json reply = harness.admin("admin.network.add", {{"network", name}, {"pool", pool}});
    return reply.contains("error") ? reply["error"]["message"].get<std::string>() : "";
  };
  EXPECT_THAT(refusal("LAB", "10.40.0.0/24"), testing::HasSubstr("\"lab\" already: choose another"));
  EXPECT_THAT(refusal("-", "10.40.0.0/24"), testing::HasSubstr("use 1 to 63"));
  EXPECT_THAT(refusal("new", "10.40.0.1/24"), testing::HasSubstr("give 10.10.0.0/24"));
  EXPECT_THAT(refusal("new", ""), testing::HasSubstr("pool"));
  EXPECT_EQ(harness.admin("admin.networks")["result"].size(), 3U);
}

TEST_F(Networks, same_names_and_addresses_live_side_by_side) {
  EXPECT_EQ(alice.join(harness.token()), "10.10.0.1");
  EXPECT_EQ(alice_of_lab.join(harness.token({{"uses", 1}, {"expires_s", 60}}, "lab")), "10.10.0.1");
  EXPECT_EQ(harness.admin("admin.nodes")["result"].size(), 2U);
  EXPECT_EQ(harness.admin("admin.nodes", {{"network", "lab"}})["result"].size(), 1U);
}

TEST_F(Networks, nodes_see_their_own_network_only) {
  alice.join(harness.token());
  alice_of_lab.join(harness.token({{"uses", 1}, {"expires_s", 60}}, "lab"));
  bob_of_lab.join(harness.token({{"uses", 1}, {"expires_s", 60}}, "lab"));
  const Json all = harness.call(alice.connection, "query", {{"addresses", "*"}});
  EXPECT_TRUE(all["result"]["nodes"].empty());
  const Json named = harness.call(alice.connection, "query", {{"addresses", {bob_of_lab.address}}});
  EXPECT_TRUE(named["result"]["nodes"].empty());
  EXPECT_EQ(error_code(alice.connect_to(bob_of_lab.address)), code(ErrorCode::no_such_address));
  EXPECT_EQ(bob_of_lab.connect_to("10.10.0.1")["result"]["node"]["record"], alice_of_lab.record(1).to_json());

  // Nor what happens there.
  harness.inbox.clear();
  harness.admin("admin.node.revoke", {{"name", "bob"}});
  harness.end(alice_of_lab.connection);
  EXPECT_TRUE(harness.inbox[alice.connection].empty());
}

TEST_F(Networks, a_name_in_two_networks_needs_the_network_to_be_put_out) {
  alice.join(harness.token());
  alice_of_lab.join(harness.token({{"uses", 1}, {"expires_s", 60}}, "lab"));
  const Json vague = harness.admin("admin.node.revoke", {{"name", "alice"}});
  EXPECT_THAT(vague["error"]["message"].get<std::string>(), testing::HasSubstr("add --network"));
  EXPECT_TRUE(harness.admin("admin.node.revoke", {{"name", "alice"}, {"network", "lab"}}).contains("result"));
  EXPECT_TRUE(harness.closed.contains(alice_of_lab.connection));
  EXPECT_FALSE(harness.closed.contains(alice.connection));
}

}  // namespace
}  // namespace causeway::server
