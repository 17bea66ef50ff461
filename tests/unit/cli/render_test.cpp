#include "cli/src/render.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/src/table.hpp"

namespace causeway::cli {
namespace {

using Json = nlohmann::json;

TEST(Render, Status) {
  const Json status =
      Json::parse(R"({"name": "n1", "virtual_address": "10.10.0.101", "interface": "cw0", "mtu": 1467,
    "public_key": "PUB=", "identity": "ID=", "state": "online",
    "server": {"address": "198.51.100.1:7443", "state": "online", "reason": ""},
    "peers": [
      {"name": "n2", "virtual_address": "10.10.0.102", "kind": "causeway", "state": "connected", "friend": false, "reason": "",
       "path": {"local": "192.168.0.100:4000", "remote": "203.0.113.2:4001", "local_type": "host", "remote_type": "srflx",
                "transport": "udp", "rtt_ms": 12.34, "loss": 0.0, "priority": 1, "reason": "best score", "since": "x"}},
      {"name": "laptop", "virtual_address": "10.10.0.7", "kind": "causeway", "state": "unreachable", "friend": false,
       "reason": "the node is not online", "path": null}]})");
  EXPECT_EQ(render_status(status),
            "name             n1\n"
            "virtual address  10.10.0.101\n"
            "state            online\n"
            "server           198.51.100.1:7443, online\n"
            "interface        cw0, MTU 1467\n"
            "public key       PUB=\n"
            "identity         ID=\n"
            "\n"
            "PEER    ADDRESS      STATE        PATH                                    TYPE        RTT      "
            "REASON\n"
            "n2      10.10.0.102  connected    192.168.0.100:4000 -> 203.0.113.2:4001  host-srflx  12.3 ms  "
            "best score\n"
            "laptop  10.10.0.7    unreachable  -                                       -           -        "
            "the node is not online\n");
}

TEST(Render, StatusWithoutServerOrPeers) {
  const std::string text = render_status(Json::parse(
      R"({"name": "", "virtual_address": null, "state": "disconnected", "server": null, "peers": [], "mtu": null})"));
  EXPECT_NE(text.find("virtual address  -\n"), std::string::npos);
  EXPECT_NE(text.find("server           none\n"), std::string::npos);
  EXPECT_NE(text.find("interface        -, MTU -\n"), std::string::npos);
  EXPECT_NE(text.find("no peers yet\n"), std::string::npos);
}

TEST(Render, AnOfflineServerSaysWhy) {
  const std::string text = render_status(Json::parse(
      R"({"server": {"address": "a:1", "state": "offline", "reason": "cannot be reached: Connection refused"}})"));
  EXPECT_NE(text.find("a:1, offline (cannot be reached: Connection refused)"), std::string::npos);
}

TEST(Render, AStateDirectoryThatCannotBeWrittenIsShown) {
  EXPECT_NE(render_status(
                Json::parse(
                    R"({"store": {"state": "failing", "reason": "cannot write x: free some space there"}})"))
                .find("state directory  cannot write x: free some space there\n"),
            std::string::npos);
  EXPECT_EQ(render_status(Json::parse(R"({"store": {"state": "ok", "reason": ""}})")).find("state directory"),
            std::string::npos);
}

TEST(Render, Candidates) {
  EXPECT_EQ(render_candidates(
                Json::parse(R"([{"address": "192.0.2.1:4000", "type": "host", "base": "192.0.2.1:4000",
      "source": "host", "foundation": "1", "priority": 2130706431}, {"address": "203.0.113.2:4001", "type": "srflx"}])")),
            "ADDRESS           TYPE   BASE            SOURCE  FOUNDATION  PRIORITY\n"
            "192.0.2.1:4000    host   192.0.2.1:4000  host    1           2130706431\n"
            "203.0.113.2:4001  srflx  -               -       -           -\n");
  EXPECT_EQ(render_candidates(Json::array()), "no candidates\n");
}

TEST(Render, Checks) {
  EXPECT_EQ(render_checks(Json::parse(R"([{"peer": "n2", "local": "a", "remote": "b", "state": "succeeded",
      "priority": 7926616419037823487, "rtt_ms": 1, "nominated": true},
      {"peer": "n2", "local": "a", "remote": "c", "state": "in-progress", "priority": 5, "rtt_ms": null, "nominated": false}])")),
            "PEER  LOCAL  REMOTE  STATE        PRIORITY             RTT     NOMINATED\n"
            "n2    a      b       succeeded    7926616419037823487  1.0 ms  yes\n"
            "n2    a      c       in-progress  5                    -\n");
}

TEST(Render, Friends) {
  EXPECT_EQ(render_friends(Json::parse(R"([{"name": "bob", "state": "mutual", "nodes": [
      {"name": "b1", "virtual_address": "10.10.0.2", "state": "connected", "pinned": "on first sight", "identity": "I1=", "reason": ""},
      {"name": "b2", "virtual_address": null, "state": "blocked", "pinned": "no", "identity": "I2=", "reason": "identity changed"}]},
      {"name": "eve", "state": "waiting", "nodes": []}])")),
            "FRIEND  LIST     NODE  ADDRESS    STATE      PINNED          IDENTITY  REASON\n"
            "bob     mutual   b1    10.10.0.2  connected  on first sight  I1=       -\n"
            "                 b2    -          blocked    no              I2=       identity changed\n"
            "eve     waiting\n");
  EXPECT_EQ(render_friends(Json::array()), "no friends: add one by `causeway friend add NAME`\n");
}

TEST(Render, ABlockedPeerSaysWhatToDo) {
  const std::string text = render_peers(Json::parse(
      R"([{"name": "bob", "state": "blocked", "reason": "identity changed", "hint": "do this", "path": null}])"));
  EXPECT_NE(text.find("identity changed: do this"), std::string::npos) << text;
}

TEST(Render, Explanation) {
  const std::string text = render_explanation(Json::parse(R"({"peer": "n2", "virtual_address": "10.10.0.102",
    "state": "connected", "state_reason": "", "role": "controlling", "stack": "x:700,y:300", "rule": "better_score",
    "rule_text": "it scores better", "since": "2026-01-01T00:00:00Z", "outlook": "it stays",
    "orders": {"own": [], "peer": [], "standing": "heard"}, "pairs": [
    {"local": "a:1", "remote": "b:2", "local_type": "host", "remote_type": "host", "state": "succeeded", "selected": true,
     "rtt_ms": 0.5, "jitter_ms": null, "loss": 0.25, "score": 900000, "score_reason": "direct", "own_place": 0,
     "peer_place": 1, "would_take": "", "layers": [
       {"name": "x", "weight": 700, "score": 1000000, "vetoed": false, "reason": "direct"},
       {"name": "y", "weight": 300, "score": 666667, "vetoed": true, "reason": "slow"}]},
    {"local": "a:1", "remote": "c:3", "local_type": "host", "remote_type": "relay", "state": "succeeded",
     "selected": false, "score": 100, "own_place": 1, "peer_place": null, "would_take": "it would need more"}]})"));
  EXPECT_EQ(text,
            "peer              n2 10.10.0.102\n"
            "state             connected\n"
            "role              controlling\n"
            "priority stack    x:700,y:300\n"
            "reason            it scores better\n"
            "since             2026-01-01T00:00:00Z\n"
            "outlook           it stays\n"
            "the peer's order  heard\n"
            "\n"
            "   PAIR        TYPE        STATE      RTT     JITTER  LOSS    SCORE   OURS  THEIRS  WHY\n"
            "*  a:1 -> b:2  host-host   succeeded  0.5 ms  -       25.0 %  900000  1     2       direct\n"
            "   a:1 -> c:3  host-relay  succeeded  -       -       -       100     2     -       -\n"
            "\n"
            "what each layer of the priority stack says:\n"
            "PAIR        LAYER  WEIGHT  SCORE    VETO  WHY\n"
            "a:1 -> b:2  x      700     1000000        direct\n"
            "a:1 -> b:2  y      300     666667   yes   slow\n"
            "\n"
            "what it would take for another pair to be used:\n"
            "PAIR\n"
            "a:1 -> c:3  it would need more\n");
}

TEST(Render, Netcheck) {
  const std::string text = render_netcheck(Json::parse(R"({"summary": "behind a NAT", "udp_blocked": false,
    "ipv4": {"address": true, "udp": true}, "ipv6": {"address": false, "udp": null},
    "nat": {"nat": true, "mapping": "endpoint-independent", "mapping_by": "RFC 5780", "filtering": null, "hairpin": false},
    "server": {"address": "192.0.2.10:443", "state": "online", "rtt_ms": 12.34},
    "interfaces": [{"interface": "eth0", "local": "192.168.0.100", "servers": [
      {"server": "192.0.2.10:3478", "verdict": "answered", "mapped": "198.51.100.1:5", "rtt_ms": 1}]}],
    "relays": [], "problems": ["something failed: do this"]})"));
  EXPECT_EQ(text,
            "behind a NAT\n"
            "\n"
            "IPv4            UDP passes\n"
            "IPv6            no address\n"
            "NAT             yes\n"
            "mapping         endpoint-independent (by RFC 5780)\n"
            "filtering       unknown\n"
            "hairpin         no\n"
            "address server  192.0.2.10:443, online, 12.3 ms\n"
            "\n"
            "NIC   LOCAL          STUN SERVER                SEES US AS      RTT\n"
            "eth0  192.168.0.100  192.0.2.10:3478  answered  198.51.100.1:5  1.0 ms\n"
            "\n"
            "! something failed: do this\n");
}

TEST(Render, IgnoredCandidatesComeBelowWithTheReason) {
  EXPECT_EQ(render_candidates(Json::parse(R"({"candidates": [],
    "ignored": [{"address": "127.0.0.1", "source": "lo", "reason": "loopback", "count": 1},
                {"address": "127.0.0.1:7", "source": "peer", "reason": "no", "count": 3}],
    "limits": {"pairs": {"used": 2, "max": 100}}})")),
            "no candidates\n"
            "\n"
            "ignored:\n"
            "ADDRESS      FROM  BECAUSE   TIMES\n"
            "127.0.0.1    lo    loopback\n"
            "127.0.0.1:7  peer  no        3\n"
            "\n"
            "pairs 2 of at most 100\n");
}

TEST(Render, Ping) {
  EXPECT_EQ(
      render_ping_step(Json::parse(R"({"seq": 1, "rtt_ms": 1.25, "path": "203.0.113.2:1", "lost": false})")),
      "1: 1.2 ms by 203.0.113.2:1\n");
  EXPECT_EQ(render_ping_step(Json::parse(R"({"seq": 2, "rtt_ms": null, "lost": true})")), "2: no reply\n");
  EXPECT_EQ(render_ping(Json::parse(R"({"peer": "n2", "sent": 4, "received": 3, "connect_ms": 80,
      "rtt_ms": {"min": 1, "avg": 2, "max": 3}})")),
            "n2: 4 sent, 3 received, rtt min/avg/max 1.0 ms / 2.0 ms / 3.0 ms, connected after 80.0 ms\n");
}

TEST(Render, MetricsAreFlattened) {
  EXPECT_EQ(render("metrics",
                   Json::parse(
                       R"({"drops": {"no_route": 3}, "up": true, "rows": [{"a": 1, "b": "x"}, {"a": 2}]})")),
            "drops.no_route  3\nup              yes\n\nrows\na  b\n1  x\n2  -\n");
}

TEST(Render, CommandsAnswerInOneLine) {
  EXPECT_EQ(render("leave", Json::object()), "done\n");
  EXPECT_EQ(render("join", Json::parse(R"({"message": "joined"})")), "joined\n");
  EXPECT_EQ(render("plugin.load", Json::parse(R"({"name": "priority-ice"})")), "name  priority-ice\n");
}

TEST(Render, AnythingElseThanExpectedIsShownAsUnknown) {
  for (const char* method : {"status", "peers", "candidates", "mappings", "checks", "plugins", "explain",
                             "ping", "metrics", "friends"}) {
    for (const char* text : {"null", "[]", "{}", "5", "\"x\"", "[null]", "[[]]", "[{\"path\": 5}]",
                             "{\"peers\": 5, \"server\": []}"}) {
      EXPECT_FALSE(render(method, Json::parse(text)).empty() && std::string_view(method) != "metrics")
          << method << text;
    }
  }
}

TEST(Table, AlignsByCodePointsAndKeepsControlCharactersOut) {
  EXPECT_EQ(format_table({"A", "B"}, {{"ä→", "1"}, {"abc", "2"}}), "A    B\nä→   1\nabc  2\n");
  EXPECT_EQ(format_table({"A"}, {{"\x1b[31mred\n"}}), "A\n?[31mred?\n");
}

TEST(Render, History) {
  EXPECT_EQ(render_history(Json::array()), "nothing is remembered yet\n");
  const std::string text = render_history(Json::parse(R"([
      {"peer": "bob", "network": "eth0 192.168.0.0/24", "transport": "udp", "remote": "203.0.113.1/32",
       "local_type": "srflx", "remote_type": "host", "rtt_ms": 12.34, "jitter_ms": null, "loss": 0.015,
       "rate_bytes_per_s": 12500000, "successes": 2, "failures": 0.25, "disconnects": 1, "working_s": 7200,
       "last_used": "2026-11-22T10:00:00Z"}])"));
  for (const char* part : {"LAST USED", "srflx-host", "12.3 ms", "1.5 %", "100.0 Mbit/s", "120 min", "2.0",
                           "0.2", "2026-11-22T10:00:00Z"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  // An answer that is nothing of the kind.
  EXPECT_EQ(render_history(Json::parse(R"({"peer": 1})")), "nothing is remembered yet\n");
  EXPECT_NE(render_history(Json::parse(R"([{"rate_bytes_per_s": "x", "working_s": {}}, 7])")).find("-"),
            std::string::npos);
}

}  // namespace
}  // namespace causeway::cli
