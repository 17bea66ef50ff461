#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>

#include "protocol/line_reader.hpp"
#include "protocol/rpc.hpp"
#include "server_process.hpp"

/// The limits of docs/protocol.md on real sockets. Whoever breaks them is put out in time, at little cost,
/// and an honest node beside him notices nothing.
namespace causeway::server_test {
namespace {

using protocol::ErrorCode;
using testing::HasSubstr;

constexpr Duration kSlack = 2s;  // of a busy machine

std::string ping(std::uint64_t id) { return protocol::make_request(id, "ping", Json::object()) + "\n"; }

class Limits : public testing::Test {
 protected:
  void SetUp() override {
    server.start();
    secret = server.token();
    honest = std::make_unique<HonestNode>(server, secret);
  }
  void TearDown() override {
    EXPECT_TRUE(honest->ask()) << "the honest node lost its connection: " << server.log();
    EXPECT_LT(honest->slowest(), 1s);
  }
  /// A connection that has authenticated and registered.
  std::unique_ptr<LineClient> member(const std::string& name, int receive_buffer_bytes = 0) {
    auto client = server.connect({}, receive_buffer_bytes);
    ScriptedNode node(random, name);
    node.candidates = 32;
    EXPECT_TRUE(client && node.join(*client, secret));
    return client;
  }
  /// How many connections the server counts, the honest one in.
  bool connections_become(std::size_t wanted) {
    for (int tries = 0; tries < 100; ++tries) {
      if (server.ask({"stats"})["connections"] == wanted) return true;
      ::poll(nullptr, 0, 20);
    }
    return false;
  }

  TemporaryFolder folder;
  ServerProcess server{folder.path(), {}};
  SystemRandom random;
  std::string secret;
  std::unique_ptr<HonestNode> honest;
};

// ---- slow
// -----------------------------------------------------------------------------------------------------------

/// Four kinds of slowness at once, each until its own deadline.
TEST_F(Limits, slow_ones_are_put_out_in_time) {
  struct Slow {
    const char* what;
    Duration limit;
    std::function<bool()> is_over;  ///< sends its next byte; true once the server has ended it
    std::optional<SteadyTime> over = {};
  };
  const SteadyTime begun = read_clocks().steady;
  const auto silent = connect_tcp(server.endpoint(), server.fresh_source());
  const auto half = connect_tcp(server.endpoint(), server.fresh_source());
  // A record header that announces a ClientHello of 512 bytes, and then a byte at a time.
  ::send(half.get(), "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL);
  const auto stranger = server.connect();
  const auto dribbler = member("dribbler");
  ASSERT_TRUE(silent && half && stranger && dribbler);
  dribbler->send("{\"jsonrpc\":");
  std::vector<Slow> all;
  all.push_back({"says nothing", 5s, [&] { return ends_within(silent.get(), 0ms); }});
  all.push_back({"half a handshake, byte by byte", 5s, [&] {
                   ::send(half.get(), "x", 1, MSG_NOSIGNAL);
                   return ends_within(half.get(), 0ms);
                 }});
  all.push_back({"does not authenticate", 5s, [&] {
                   stranger->send(" ");
                   return stranger->ends_within(1ms);
                 }});
  all.push_back({"a line that never ends", 10s, [&] {
                   dribbler->send(" ");
                   return dribbler->ends_within(1ms);
                 }});
  while (read_clocks().steady - begun < 10s + kSlack + 1s) {
    bool waiting = false;
    for (Slow& one : all) {
      if (!one.over && one.is_over()) one.over = read_clocks().steady;
      waiting = waiting || !one.over;
    }
    EXPECT_TRUE(honest->ask());
    if (!waiting) break;
    ::poll(nullptr, 0, 100);
  }
  for (const Slow& one : all) {
    ASSERT_TRUE(one.over) << one.what << ": still there";
    EXPECT_GE(*one.over - begun, one.limit - 500ms) << one.what;
    EXPECT_LE(*one.over - begun, one.limit + kSlack) << one.what;
    std::printf("  %-32s ended after %.1f s\n", one.what,
                std::chrono::duration<double>(*one.over - begun).count());
  }
}

TEST_F(Limits, a_reader_that_does_not_read_costs_a_bounded_queue_and_is_dropped) {
  std::vector<std::unique_ptr<LineClient>> crowd;
  for (int index = 0; index < 40; ++index)
    crowd.push_back(member("crowd" + std::to_string(index)));
  const auto slow = member("slow", 4096);
  const std::size_t before = server.resident_kib();
  // Each answer is some 48 KiB: 60 of them are far more than the queue and both kernel buffers hold.
  for (std::uint64_t id = 100; id < 160; ++id)
    slow->send(protocol::make_request(id, "query", {{"addresses", "*"}}) + "\n");
  EXPECT_TRUE(connections_become(41));
  if (kResidentTells) {
    EXPECT_LT(server.resident_kib(), before + 4096);
  }
  std::size_t answers = 0;
  while (slow->read_line(2s))
    ++answers;
  EXPECT_TRUE(slow->has_ended());
  EXPECT_LT(answers, 30U);
  EXPECT_THAT(server.log(), HasSubstr("reads too slowly"));
}

// ---- lines
// ----------------------------------------------------------------------------------------------------------

TEST_F(Limits, lines_may_be_so_long_and_no_longer) {
  struct Row {
    const char* what;
    bool authenticated;
    std::size_t bytes;
    bool is_ok;
  };
  constexpr std::size_t kBefore = protocol::kLineBytesBeforeAuthentication;
  constexpr std::size_t kAfter = protocol::kLineBytes;
  for (const Row& row : {Row{"stranger, at the limit", false, kBefore, true},
                         {"stranger, above", false, kBefore + 1, false},
                         {"stranger, without end", false, 100'000, false},
                         {"node, at the limit", true, kAfter, true},
                         {"node, above", true, kAfter + 1, false},
                         {"node, without end", true, 1'000'000, false}}) {
    SCOPED_TRACE(row.what);
    const auto client = row.authenticated ? member("long" + std::to_string(row.bytes)) : server.connect();
    ASSERT_TRUE(client);
    std::string line = ping(7);
    line.insert(line.size() - 1, row.bytes - (line.size() - 1), ' ');
    if (row.bytes >= 100'000) line.pop_back();
    client->send(line);
    const auto reply = client->read_line();
    // Whoever goes on sending may meet the end of the connection before he has read why.
    if (!reply && row.bytes >= 100'000) {
      EXPECT_TRUE(client->has_ended());
      continue;
    }
    ASSERT_TRUE(reply);
    if (row.is_ok) {
      EXPECT_EQ(Json::parse(*reply)["id"], 7);
    } else {
      EXPECT_THAT(*reply, HasSubstr("line too long"));
      EXPECT_TRUE(client->ends_within(2s));
    }
  }
}

TEST_F(Limits, a_message_split_at_any_byte_is_the_same_message) {
  const auto client = member("splitter");
  const std::string line = ping(7);
  for (std::size_t at = 1; at < line.size(); ++at) {
    // In between the limit of 20 messages a second: each pair of records is sent at once.
    if (at % 50 == 0) ::poll(nullptr, 0, 1500);
    ASSERT_TRUE(client->send(line.substr(0, at)) && client->send(line.substr(at)));
    EXPECT_EQ(Json::parse(client->read_line().value_or("null"))["result"], Json::object()) << at;
  }
  for (const char byte : line)
    ASSERT_TRUE(client->send({&byte, 1}));
  EXPECT_EQ(Json::parse(client->read_line().value_or("null"))["id"], 7);
}

TEST_F(Limits, a_burst_in_one_segment_is_answered_in_order_and_a_flood_ends) {
  const auto client = member("burst");
  std::string burst;
  for (std::uint64_t id = 1; id <= 90; ++id)
    burst += ping(id);
  client->send(burst);
  for (std::uint64_t id = 1; id <= 90; ++id)
    ASSERT_EQ(Json::parse(client->read_line().value_or("null"))["id"], id);

  const auto flooder = member("flooder");
  std::string flood;
  for (std::uint64_t id = 1; id <= 1000; ++id)
    flood += ping(id);
  const SteadyTime begun = read_clocks().steady;
  flooder->send(flood);
  std::size_t done = 0;
  std::size_t later = 0;
  while (const auto line = flooder->read_line()) {
    const Json reply = Json::parse(*line);
    if (reply.contains("result")) {
      ++done;
    } else {
      EXPECT_EQ(reply["error"]["code"], static_cast<int>(ErrorCode::try_later));
      EXPECT_GT(reply["error"]["data"]["retry_after_ms"], 0);
      ++later;
    }
  }
  // Its end may overtake answers, as it had not read them and we do not read the rest of what it sent.
  EXPECT_TRUE(flooder->has_ended());
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(read_clocks().steady - begun).count();
  const auto granted = 20 * static_cast<std::size_t>(seconds);
  EXPECT_LE(done, 100U + granted);
  EXPECT_LE(later, 200U + granted);
}

// ---- bytes that are no messages
// -------------------------------------------------------------------------------------

TEST_F(Limits, json_bombs_are_refused_at_once_and_cost_nothing) {
  const auto repeat = [](const std::string& text, std::size_t times) {
    std::string made;
    while (times-- > 0)
      made += text;
    return made;
  };
  std::string many_keys = "{";
  for (int key = 0; key < 5000; ++key)
    many_keys.append("\"k").append(std::to_string(key)).append("\":1,");
  many_keys += "\"z\":1}";
  const std::string prefix = R"({"jsonrpc":"2.0","id":1,"method":"ping","params":)";
  const std::vector<std::pair<const char*, std::string>> bombs = {
      {"64 KiB of [[[", repeat("[", 65'000)},
      {"depth 17", prefix + R"({"a":)" + repeat("[", 17) + repeat("]", 17) + "}}"},
      {"64 KiB of [],", std::string("[").append(repeat("[],", 21'000)).append("[]]")},
      {"5,000 keys", many_keys},
      {"duplicate keys", prefix + R"({"a":1,"a":2}})"},
      {"1e400", prefix + R"({"a":1e400}})"},
      {"id 2^63", R"({"jsonrpc":"2.0","id":9223372036854775808,"method":"ping","params":{}})"},
      {"id -1", R"({"jsonrpc":"2.0","id":-1,"method":"ping","params":{}})"},
      {"NUL", prefix + "{}" + std::string(1, '\0') + "}"},
      {"lone surrogate", prefix + R"({"a":"\ud800"}})"},
      {"invalid UTF-8", prefix + "{\"a\":\"\xff\xfe\"}}"},
      {"string of 2 KiB", prefix + R"({"a":")" + repeat("x", 2048) + R"("}})"},
      {"bytes behind it", prefix + "{}} {}"},
      {"a number", "12345"},
      {"binary", repeat("\x01\x80\xfe\x7f", 500)},
      {"port 70000",
       R"({"jsonrpc":"2.0","id":1,"method":"connect","params":{"virtual_address":"10.10.0.1","ufrag":"abcd",)"
       R"("candidates":[{"type":"host","protocol":"udp","address":"192.0.2.1:70000","foundation":"1","priority":1}]}})"},
  };
  const auto client = member("bomber");
  const std::size_t before = server.resident_kib();
  for (const auto& [what, bomb] : bombs) {
    const SteadyTime begun = read_clocks().steady;
    ASSERT_TRUE(client->send(bomb + "\n")) << what;
    const Json reply = Json::parse(client->read_line().value_or("null"), nullptr, false);
    const Duration took = read_clocks().steady - begun;
    const bool unusable_candidate =
        std::string_view(what) == "port 70000";  // it is left out, the rest counts
    EXPECT_EQ(reply.contains("result"), unusable_candidate) << what << ": " << reply;
    EXPECT_LT(took, 500ms) << what;
    std::printf("  %-18s %6.2f ms\n", what, std::chrono::duration<double, std::milli>(took).count());
  }
  client->send(ping(3));
  EXPECT_EQ(Json::parse(client->read_line().value_or("null"))["id"], 3);
  if (kResidentTells) {
    EXPECT_LT(server.resident_kib(), before + 2048);
  }
}

TEST_F(Limits, garbage_instead_of_tls_ends_the_connection) {
  for (int round = 0; round < 50; ++round) {
    const auto socket = connect_tcp(server.endpoint(), server.fresh_source());
    ASSERT_TRUE(socket);
    std::array<std::uint8_t, 600> garbage;
    random.fill(garbage);
    // The first half says that it is a handshake of TLS, so that the rest is looked at.
    if (round % 2 == 0) std::copy_n("\x16\x03\x01\x02\x53\x01\x00\x02\x4f\x03\x03", 11, garbage.begin());
    ::send(socket.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
    EXPECT_TRUE(ends_within(socket.get(), 5s + kSlack));
  }
  EXPECT_TRUE(connections_become(1));
}

// ---- ends
// -----------------------------------------------------------------------------------------------------------

TEST_F(Limits, every_way_to_end_in_mid_line_frees_the_connection) {
  const std::vector<std::pair<const char*, std::function<void(LineClient&)>>> ends = {
      {"shut", [](LineClient& client) { client.send_close_notify(); }},
      {"half", [](LineClient& client) { client.half_close(); }},
      {"reset", [](LineClient& client) { client.reset(); }},
  };
  for (const auto& [what, end] : ends) {
    SCOPED_TRACE(what);
    const std::string name = std::string("ender-").append(what, 4);
    const auto client = member(name);
    ASSERT_TRUE(client);
    client->send("{\"jsonrpc\":\"2.0\",\"id\":1,");
    EXPECT_TRUE(connections_become(2));
    end(*client);
    EXPECT_TRUE(connections_become(1));
    EXPECT_EQ(server.node(name)["state"], "offline");
  }
}

// ---- floods
// ---------------------------------------------------------------------------------------------------------

TEST_F(Limits, one_source_has_so_many_strangers_and_others_get_in) {
  const net::IpAddress source = server.fresh_source();
  std::vector<net::FileDescriptor> flood;
  for (int index = 0; index < 400; ++index)
    flood.push_back(connect_tcp(server.endpoint(), source));
  // The kernel connects before the server has looked: it turns the rest away one after the other, long before
  // the handshake limit would end them all.
  const auto still_open = [&] {
    return std::count_if(flood.begin(), flood.end(),
                         [](const auto& socket) { return socket && !ends_within(socket.get(), 0ms); });
  };
  const SteadyTime give_up = read_clocks().steady + 3s;
  while (still_open() > 64 && read_clocks().steady < give_up) {
  }
  EXPECT_LE(still_open(), 64);
  EXPECT_TRUE(member("elsewhere"));
}

TEST_F(Limits, half_handshakes_of_many_sources_leave_room_for_nodes) {
  std::vector<net::FileDescriptor> flood;
  for (int source = 0; source < 20; ++source) {
    const net::IpAddress from = server.fresh_source();
    for (int index = 0; index < 40; ++index) {
      flood.push_back(connect_tcp(server.endpoint(), from));
      if (flood.back()) ::send(flood.back().get(), "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL);
    }
    EXPECT_TRUE(honest->ask());
  }
  EXPECT_TRUE(member("beside"));
}

TEST_F(Limits, guessing_is_slowed_down_per_source) {
  const net::IpAddress source = server.fresh_source();
  int refused = 0;
  int later = 0;
  const SteadyTime begun = read_clocks().steady;
  for (int guess = 0; guess < 60; ++guess) {
    const auto client = server.connect(source);
    ASSERT_TRUE(client);
    const int code = code_of(ScriptedNode(random, "guesser").authenticate(*client, {}));
    refused += code == static_cast<int>(ErrorCode::refused) ? 1 : 0;
    later += code == static_cast<int>(ErrorCode::try_later) ? 1 : 0;
  }
  const double seconds = std::chrono::duration<double>(read_clocks().steady - begun).count();
  EXPECT_EQ(refused + later, 60);
  EXPECT_LE(refused, 20 + static_cast<int>(seconds * 5) + 1);
}

TEST_F(Limits, accepting_pauses_without_descriptors_and_goes_on_with_them) {
  // The server raised its soft limit to the hard one; from outside it is lowered to what is in use.
  rlimit former{};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, nullptr, &former), 0);
  const rlimit none{8, former.rlim_max};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &none, nullptr), 0);
  const auto waiting = connect_tcp(server.endpoint(), server.fresh_source());  // the kernel's queue takes it
  ASSERT_TRUE(waiting);
  for (int round = 0; round < 10; ++round) {
    EXPECT_TRUE(honest->ask());
    ::poll(nullptr, 0, 30);
  }
  EXPECT_THAT(server.log(), HasSubstr("accept: Too many open files: waiting"));
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &former, nullptr), 0);
  EXPECT_TRUE(member("later"));
}

/// Its limit of connections follows from its limit of descriptors.
TEST(LimitsOfDescriptors, a_full_server_refuses_and_has_room_again) {
  const TemporaryFolder folder;
  ServerProcess server(folder.path(), {.most_descriptors = 160});
  server.start();
  const std::string secret = server.token();
  SystemRandom random;
  std::vector<std::unique_ptr<LineClient>> nodes;
  for (int index = 0; index < 110; ++index) {
    auto client = server.connect();
    if (!client) break;
    ScriptedNode node(random, "node" + std::to_string(index));
    ASSERT_TRUE(node.join(*client, secret));
    nodes.push_back(std::move(client));
  }
  EXPECT_GE(nodes.size(), 90U);
  EXPECT_LE(nodes.size(), 96U);
  EXPECT_FALSE(server.connect());
  nodes.resize(nodes.size() - 10);
  EXPECT_TRUE(server.connect());
}

}  // namespace
}  // namespace causeway::server_test
