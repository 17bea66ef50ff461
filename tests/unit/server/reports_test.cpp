// Nodes report their paths, and others get hints from that (spec S5, V6).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core_harness.hpp"

namespace causeway::server {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

/// Ann, ben and carol are in one block of addresses, victor in another; each is of a user of his own.
class Reports : public testing::Test {
 protected:
  void SetUp() override {
    for (TestNode* node : {&ann, &ben, &carol})
      node->source = "203.0.113." + std::to_string(++last_host_);
    victor.source = "198.51.100.7";
    for (TestNode* node : {&ann, &ben, &carol, &victor})
      ASSERT_NE(node->join(user_token()), "");
  }
  std::string user_token(const std::string& network = "home") {
    const std::string user = "user" + std::to_string(++last_user_);
    return harness.token({{"uses", 1}, {"expires_s", 60}, {"user", user}}, network);
  }
  static Json path(const std::string& peer, const std::string& local, const std::string& remote,
                   unsigned rtt_ms) {
    return {{"peer", peer},       {"local", local},       {"remote", remote},
            {"transport", "udp"}, {"state", "selected"},  {"rtt_us", rtt_ms * 1000},
            {"jitter_us", 0},     {"local_type", "host"}, {"remote_type", "host"}};
  }
  Json to_victor(const TestNode& from, unsigned rtt_ms) {
    return path(victor.address, from.source, victor.source, rtt_ms);
  }
  Json report(TestNode& from, const std::vector<Json>& paths) {
    return harness.call(from.connection, "report", {{"paths", paths}});
  }
  /// Of the asker's connection with victor.
  Json hints(TestNode& asker) {
    asker.connect_to(victor.address);
    const Json reply = harness.call(asker.connection, "query", {{"addresses", {victor.address}}});
    return reply["result"]["nodes"][0].value("hints", Json());
  }
  Json stats() { return harness.admin("admin.stats")["result"]["reports"]; }

  CoreHarness harness;
  TestNode ann{harness, 1, "ann"}, ben{harness, 2, "ben"}, carol{harness, 3, "carol"};
  TestNode victor{harness, 4, "victor"};

 private:
  int last_host_ = 10, last_user_ = 0;
};

TEST_F(Reports, help_a_third_node) {
  EXPECT_EQ(report(ann, {to_victor(ann, 20)})["result"], Json::object());
  EXPECT_THAT(hints(carol), IsEmpty()) << "one voice is not enough";
  report(ben, {to_victor(ben, 20)});
  const Json told = hints(carol);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0], (Json{{"local", "203.0.113.0/24"},
                           {"remote", "198.51.100.0/24"},
                           {"score", 830'000},
                           {"confidence", 500}}));
  EXPECT_THAT(hints(ann), IsEmpty()) << "her own word is none";
  EXPECT_EQ(stats()["paths"], 2);
  EXPECT_EQ(stats()["nodes"], 2);
  EXPECT_EQ(stats()["classes"], 1);
}

TEST_F(Reports, of_the_peer_count_as_those_of_any_other_node) {
  report(ann, {to_victor(ann, 20)});
  report(victor, {path(ann.address, victor.source, ann.source, 20)});
  EXPECT_THAT(hints(carol), SizeIs(1)) << "both directions are one";
}

TEST_F(Reports, come_as_hints_with_offers_and_answers_to_connect) {
  report(ann, {to_victor(ann, 20)});
  report(ben, {to_victor(ben, 20)});
  const Json reply = carol.connect_to(victor.address);
  EXPECT_THAT(reply["result"]["node"]["hints"], SizeIs(1));
  const auto offers = victor.take("connect.offer");
  ASSERT_THAT(offers, SizeIs(1));
  const Json& hint = offers[0]["node"]["hints"][0];
  EXPECT_EQ(hint["local"], "198.51.100.0/24") << "as he sees it";
  EXPECT_EQ(hint["remote"], "203.0.113.0/24");
}

TEST_F(Reports, are_no_news_to_those_without_a_connection) {
  report(ann, {to_victor(ann, 20)});
  report(ben, {to_victor(ben, 20)});
  const Json reply = harness.call(carol.connection, "query", {{"addresses", "*"}});
  for (const Json& node : reply["result"]["nodes"])
    EXPECT_FALSE(node.contains("hints")) << node;
}

TEST_F(Reports, of_addresses_that_are_not_the_nodes_are_kept_and_not_counted) {
  for (TestNode* liar : {&ann, &ben})
    report(*liar, {path(victor.address, "192.0.2.200", "8.8.8.8", 1),
                   path(victor.address, "9.9.9.9", victor.source, 1)});
  EXPECT_EQ(stats()["paths"], 4);
  EXPECT_EQ(stats()["classes"], 0);
  EXPECT_THAT(hints(carol), IsEmpty());
}

TEST_F(Reports, on_private_addresses_stay_within_their_site) {
  const auto lan = [](const char* host) {
    return protocol::UpdateParams{{{{"host", "udp", {*net::IpAddress::parse(host), 4000}, "1", 1}}}, {}}
        .to_json();
  };
  ben.source = "203.0.113.11";  // behind ann's NAT
  ben.join();
  harness.call(ann.connection, "update", lan("192.168.1.2"));
  harness.call(ben.connection, "update", lan("192.168.1.3"));
  harness.call(carol.connection, "update", lan("192.168.1.4"));
  report(ann, {path(ben.address, "192.168.1.2", "192.168.1.3", 1)});
  report(ben, {path(ann.address, "192.168.1.3", "192.168.1.2", 1)});
  EXPECT_EQ(stats()["classes"], 1) << "one household";
  report(carol, {path(ben.address, "192.168.1.4", "192.168.1.3", 1)});
  EXPECT_EQ(stats()["classes"], 2) << "carol's is another one";
}

TEST_F(Reports, about_nobody_or_oneself_are_refused) {
  EXPECT_EQ(error_code(report(ann, {path("10.10.0.99", ann.source, victor.source, 1)})),
            code(ErrorCode::no_such_address));
  EXPECT_EQ(error_code(report(ann, {path(ann.address, ann.source, ann.source, 1)})),
            code(ErrorCode::no_such_address));
  EXPECT_EQ(error_code(report(ann, {path("10.10.0.99", ann.source, victor.source, 1), to_victor(ann, 1)})),
            0);
  EXPECT_EQ(stats()["paths"], 1);
}

TEST_F(Reports, of_another_network_meet_nobody) {
  TestNode otto(harness, 7, "otto");
  otto.network = "office";
  otto.join(user_token("office"));
  report(ann, {to_victor(ann, 20)});
  EXPECT_EQ(error_code(report(otto, {to_victor(otto, 20)})), code(ErrorCode::no_such_address));
  EXPECT_EQ(stats()["paths"], 1);
}

TEST_F(Reports, need_a_registration) {
  TestNode nina(harness, 8, "nina");
  nina.authenticate(user_token());
  EXPECT_EQ(error_code(report(nina, {to_victor(nina, 20)})), code(ErrorCode::not_registered));
}

TEST_F(Reports, are_checked_member_by_member) {
  const std::pair<const char*, Json> bad[] = {{"rtt_us", -1},
                                              {"rtt_us", 1e300},
                                              {"rtt_us", "20"},
                                              {"rtt_us", 60'000'001},
                                              {"jitter_us", -1},
                                              {"loss_permille", 1001},
                                              {"loss_permille", 0.5},
                                              {"rate_bytes_per_s", 1'000'000'000'001},
                                              {"state", "excellent"},
                                              {"transport", ""},
                                              {"transport", std::string(33, 'x')},
                                              {"local_type", "tcp"},
                                              {"remote", "127.0.0.1"},
                                              {"local", "224.0.0.1"},
                                              {"peer", Json::array()},
                                              {"working_s", -5},
                                              {"disconnects", Json()}};
  for (const auto& [member, value] : bad) {
    Json one = to_victor(ann, 20);
    one[member] = value;
    const Json reply = report(ann, {one});
    EXPECT_EQ(error_code(reply), code(ErrorCode::invalid_params)) << one;
    EXPECT_NE(reply["error"].value("message", "").find(member), std::string::npos) << reply;
    harness.advance(5s);
  }
  EXPECT_EQ(error_code(report(ann, std::vector<Json>(65, to_victor(ann, 20)))),
            code(ErrorCode::invalid_params));
  EXPECT_EQ(stats()["paths"], 0);
}

TEST_F(Reports, that_come_too_often_wait) {
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(error_code(report(ann, {to_victor(ann, 20)})), 0);
  const Json reply = report(ann, {to_victor(ann, 20)});
  EXPECT_EQ(error_code(reply), code(ErrorCode::try_later));
  EXPECT_GT(reply["error"]["data"]["retry_after_ms"], 4000);
  harness.end(ann.connection);
  ann.join();
  EXPECT_EQ(error_code(report(ann, {to_victor(ann, 20)})), code(ErrorCode::try_later))
      << "a new connection is no way round";
  EXPECT_EQ(error_code(report(ben, {to_victor(ben, 20)})), 0);
  harness.advance(6s);
  EXPECT_EQ(error_code(report(ann, {to_victor(ann, 20)})), 0);
}

TEST_F(Reports, are_taken_back_by_an_empty_one) {
  report(ann, {to_victor(ann, 20)});
  report(ben, {to_victor(ben, 20)});
  EXPECT_EQ(error_code(report(ann, {})), 0);
  EXPECT_EQ(stats()["paths"], 1);
  EXPECT_THAT(hints(carol), IsEmpty());
}

TEST_F(Reports, end_at_once_with_the_node) {
  for (const char* method : {"admin.node.remove", "admin.node.revoke"}) {
    SCOPED_TRACE(method);
    harness.advance(30s);
    report(ann, {to_victor(ann, 20)});
    report(ben, {to_victor(ben, 20)});
    ASSERT_THAT(hints(carol), SizeIs(1));
    harness.admin(method, {{"name", "ben"}});
    EXPECT_THAT(hints(carol), IsEmpty());
    EXPECT_EQ(stats()["paths"], 1);
    ben.join(user_token());
  }
  harness.call(ann.connection, "deregister", Json::object());
  EXPECT_EQ(stats()["paths"], 0);
  report(carol, {to_victor(carol, 20)});
  harness.admin("admin.node.remove", {{"name", "victor"}});
  EXPECT_EQ(stats()["paths"], 0) << "what others said of paths to him";
}

TEST_F(Reports, are_forgotten_with_time_and_with_the_server) {
  report(ann, {to_victor(ann, 20)});
  harness.advance(10min);
  ben.join();  // silent for so long, all were let go
  report(ben, {to_victor(ben, 20)});
  EXPECT_EQ(stats()["paths"], 2);
  harness.advance(6min);
  EXPECT_EQ(stats()["paths"], 1);
  harness.restart();
  EXPECT_EQ(stats()["paths"], 0);
  EXPECT_NE(carol.join(), "") << "registrations stay";
}

TEST_F(Reports, can_be_looked_up_by_the_administrator) {
  report(ann, {to_victor(ann, 20)});
  harness.advance(7s);
  const Json rows = harness.admin("admin.paths", {{"name", "Ann"}})["result"];
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0]["peer"], "victor");
  EXPECT_EQ(rows[0]["virtual_address"], victor.address);
  EXPECT_EQ(rows[0]["local"], ann.source);
  EXPECT_EQ(rows[0]["rtt_us"], 20'000);
  EXPECT_EQ(rows[0]["age_s"], 7);
  EXPECT_THAT(harness.admin("admin.paths", {{"name", "ben"}})["result"], IsEmpty());
  EXPECT_EQ(error_code(harness.admin("admin.paths", {{"name", "nobody"}})), code(ErrorCode::invalid_params));
  EXPECT_EQ(error_code(harness.call(ann.connection, "admin.paths", {{"name", "ann"}})),
            code(ErrorCode::method_not_found));
}

TEST_F(Reports, make_no_answer_longer_than_a_line) {
  // As many hints as there can be: a dozen blocks on either side.
  const auto spread = [this](TestNode& node, int block) {
    std::vector<protocol::WireCandidate> candidates;
    for (int i = 0; i < 12; ++i)
      candidates.push_back(
          {"host",
           "udp",
           {*net::IpAddress::parse("203." + std::to_string(block) + "." + std::to_string(i) + ".1"), 1},
           "1",
           1});
    harness.call(node.connection, "update", protocol::UpdateParams{candidates, {}}.to_json());
  };
  for (TestNode* node : {&ann, &ben, &carol})
    spread(*node, 1);
  spread(victor, 2);
  for (TestNode* node : {&ann, &ben}) {
    std::vector<Json> paths;
    for (int i = 0; i < 60; ++i)
      paths.push_back(path(victor.address, "203.1." + std::to_string(i % 6) + ".1",
                           "203.2." + std::to_string(i / 6) + ".1", 20));
    ASSERT_EQ(error_code(report(*node, paths)), 0);
  }
  EXPECT_THAT(hints(carol), SizeIs(8));
  const auto read =
      protocol::QueryResult::parse(harness.call(carol.connection, "query", {{"addresses", "*"}})["result"]);
  ASSERT_TRUE(read);
}

}  // namespace
}  // namespace causeway::server
