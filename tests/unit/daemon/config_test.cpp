#include "daemon/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace causeway::daemon {
namespace {

using testing::HasSubstr;

std::string read_document(const char* name) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
  std::ifstream file(root / "docs" / name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string error_of(std::string_view text) {
  const auto config = parse_config(text);
  return config ? "" : config.error().message;
}

TEST(Config, AnEmptyObjectIsTheDefaults) {
  const auto config = parse_config("{}");
  ASSERT_TRUE(config);
  EXPECT_EQ(*config, Config{});
}

TEST(Config, TheSampleHoldsEveryKeyWithItsDefault) {
  std::set<std::string> known;
  const auto config = parse_config(read_document("causeway.sample.json"), &known);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(*config, Config{});
  // Every key that the reader knows outside of lists is written in the sample.
  const auto sample = nlohmann::json::parse(read_document("causeway.sample.json"), nullptr, true, true);
  for (const std::string& key : known) {
    if (key.find('[') != std::string::npos) continue;
    std::string pointer = "/" + key;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    EXPECT_TRUE(sample.contains(nlohmann::json::json_pointer(pointer))) << key;
  }
}

void collect_schema_keys(const nlohmann::json& schema, const std::string& path, std::set<std::string>& keys) {
  if (schema.contains("items")) collect_schema_keys(schema["items"], path + "[]", keys);
  if (!schema.contains("properties")) return;
  EXPECT_EQ(schema["additionalProperties"], false) << path;
  for (const auto& [key, inner] : schema["properties"].items()) {
    const std::string inner_path = path.empty() ? key : path + "." + key;
    keys.insert(inner_path);
    collect_schema_keys(inner, inner_path, keys);
  }
}

TEST(Config, TheSchemaListsTheKeysThatTheReaderKnows) {
  std::set<std::string> known, listed;
  ASSERT_TRUE(parse_config(R"({"plugins": {"priority": [{"name": "a"}]}, "turn_servers":
      [{"uri": "turn:a"}], "wireguard_peers":
      [{"public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "allowed_ips": []}]})",
                           &known));
  collect_schema_keys(nlohmann::json::parse(read_document("causeway.schema.json")), "", listed);
  EXPECT_EQ(known, listed);
}

TEST(Config, APluginsConfigurationIsItsOwnAffair) {
  const auto config = parse_config(
      R"({"plugins": {"configuration": {"priority-history": {"half_life_s": 60, "x": [1, {}]}, "b": {}}}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->plugins.configuration,
            (std::map<std::string, std::string>{{"priority-history", R"({"half_life_s":60,"x":[1,{}]})"},
                                                {"b", "{}"}}));
  for (const char* bad :
       {R"({"plugins": {"configuration": []}})", R"({"plugins": {"configuration": {"a": 1}}})",
        R"({"plugins": {"configuration": {"a b": {}}}})"}) {
    EXPECT_FALSE(parse_config(bad)) << bad;
  }
  const std::string long_text(17 * 1024, 'x');
  const auto refused =
      parse_config(R"({"plugins": {"configuration": {"a": {"k": ")" + long_text + R"("}}}})");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("plugins.configuration.a"), std::string::npos);
}

TEST(Config, SaysWhatBecomesOfTheCheckList) {
  EXPECT_TRUE(parse_config("{}")->check_list.is_kept);
  EXPECT_EQ(parse_config("{}")->check_list.history, 24h * 30);
  const auto config = parse_config(R"({"check_list": "drop", "history_days": 7})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->check_list.is_kept);
  EXPECT_EQ(config->check_list.history, 24h * 7);
  for (const char* bad : {R"({"check_list": true})", R"({"check_list": "never"})", R"({"history_days": 0})",
                          R"({"history_days": 3651})", R"({"history_days": 1.5})"}) {
    EXPECT_FALSE(parse_config(bad)) << bad;
  }
}

TEST(Config, ReadsEveryKey) {
  const auto config = parse_config(R"({
    // a comment
    "name": "n1", "tun": "cw7", "listen_port": 51820, "log_level": "debug", "mtu": 1400,
    "stun_servers": ["198.51.100.7:3478", "[2001:db8::7]:3478"],
    "turn_servers": [{"uri": "turn:relay.example?transport=tcp", "username": "u", "password": "p"}],
    "turn_tls_verify": true,
    "candidates": {"allow_interfaces": ["eth*"], "deny_interfaces": [], "allow_prefixes": ["192.0.2.0/24"],
                   "deny_prefixes": ["192.0.2.128/25"]},
    "plugins": {"directory": "/usr/lib/causeway", "load": ["priority-history", "/tmp/x.so"],
                "priority": [{"name": "a", "weight": 700}, {"name": "b", "weight": 300}]},
    "ice": {"ta_ms": 50, "consent_timeout_ms": 20000},
    "data_plane": {"compact": false, "aes": "openssl", "udp_segmentation": false, "udp_gro": false, "tun_tso": false,
                   "tun_uso": false, "loops": 64},
    "hosts_file": false, "reports": false, "virtual_address": "10.9.0.1/24",
    "wireguard_peers": [{"public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "endpoint": "198.51.100.9:51820",
      "allowed_ips": ["10.9.0.2/32"], "preshared_key": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
      "persistent_keepalive": 25}]
  })");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->name, "n1");
  EXPECT_EQ(config->tun, "cw7");
  EXPECT_EQ(config->listen_port, 51820);
  EXPECT_EQ(config->mtu, 1400);
  EXPECT_EQ(config->stun_servers.size(), 2u);
  ASSERT_EQ(config->turn_servers.size(), 1u);
  EXPECT_EQ(config->turn_servers[0], (TurnServer{"turn:relay.example?transport=tcp", "u", "p"}));
  EXPECT_TRUE(config->turn_tls_verify);
  EXPECT_TRUE(config->candidates.allows_interface("eth0"));
  EXPECT_FALSE(config->candidates.allows_interface("wlan0"));
  EXPECT_TRUE(config->candidates.allows_address(*net::IpAddress::parse("192.0.2.1")));
  EXPECT_FALSE(config->candidates.allows_address(*net::IpAddress::parse("192.0.2.200"))) << "deny wins";
  EXPECT_FALSE(config->candidates.allows_address(*net::IpAddress::parse("198.51.100.1")));
  EXPECT_EQ(config->plugins.priority, (std::vector<PriorityLayer>{{"a", 700}, {"b", 300}}));
  EXPECT_EQ(config->ice.ta, std::chrono::milliseconds(50));
  EXPECT_EQ(config->data_plane, (DataPlaneConfig{false, AesChoice::openssl, false, false, false, false, 64}));
  EXPECT_FALSE(config->reports);
  EXPECT_EQ(config->virtual_address->on_link.to_string(), "10.9.0.0/24");
  ASSERT_EQ(config->wireguard_peers.size(), 1u);
  EXPECT_EQ(config->wireguard_peers[0].preshared_key->bytes[0], 1);
  EXPECT_EQ(config->wireguard_peers[0].persistent_keepalive, std::chrono::seconds(25));
}

TEST(Config, DefaultPolicyIgnoresContainerBridges) {
  const CandidatePolicy policy;
  EXPECT_FALSE(policy.allows_interface("docker0"));
  EXPECT_FALSE(policy.allows_interface("br-12ab"));
  EXPECT_TRUE(policy.allows_interface("eth0"));
}

TEST(Config, AesIsAutomaticUnlessSaidOtherwise) {
  EXPECT_EQ(parse_config(R"({"data_plane": {}})")->data_plane, DataPlaneConfig{});
  EXPECT_EQ(parse_config(R"({"data_plane": {"aes": "auto"}})")->data_plane.aes, AesChoice::automatic);
  EXPECT_EQ(parse_config(R"({"data_plane": {"aes": "off"}})")->data_plane.aes, AesChoice::off);
  EXPECT_EQ(parse_config(R"({"data_plane": {"loops": 1}})")->data_plane.loops, 1u);
}

TEST(Config, AnUnknownKeyNamesTheNearestKnownOne) {
  EXPECT_EQ(error_of(R"({"lsiten_port": 1})"),
            "key \"lsiten_port\" is unknown: did you mean \"listen_port\"?");
  EXPECT_EQ(error_of(R"({"plugins": {"priorty": []}})"),
            "key \"plugins.priorty\" is unknown: did you mean \"plugins.priority\"?");
  EXPECT_EQ(error_of(R"({"plugins": {"priority": [{"name": "a", "wieght": 1}]}})"),
            "key \"plugins.priority[0].wieght\" is unknown: did you mean \"plugins.priority[0].weight\"?");
  EXPECT_THAT(error_of(R"({"xyzzyplugh": 1})"),
              HasSubstr("is unknown: known here are candidates, check_list"));
}

TEST(Config, ErrorsNameTheKeyAndWhatItShouldBe) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"mtu": 99})", "key \"mtu\": 99 is not an integer from 1280 to 9000"},
      {R"({"mtu": "1400"})", "key \"mtu\": \"1400\" is not an integer from 1280 to 9000"},
      {R"({"mtu": 1400.5})", "key \"mtu\": 1400.5 is not an integer"},
      {R"({"listen_port": -1})", "key \"listen_port\": -1 is not an integer from 0 to 65535"},
      {R"({"listen_port": 18446744073709551615})", "key \"listen_port\": 18446744073709551615 is not"},
      {R"({"name": "-x"})", "key \"name\": \"-x\" is not a name"},
      {R"({"name": 5})", "key \"name\": 5 is not a name"},
      {R"({"tun": "a/b"})", "key \"tun\": \"a/b\" is not an interface name"},
      {R"({"tun": null})", "key \"tun\": null is not an interface name"},
      {R"({"log_level": "loud"})", "key \"log_level\": \"loud\" is not one of trace, debug"},
      {R"({"hosts_file": 1})", "key \"hosts_file\": 1 is not true or false"},
      {R"({"stun_servers": "x"})", "key \"stun_servers\": \"x\" is not a list"},
      {R"({"turn_servers": [{"username": "x"}]})", "key \"turn_servers[0].uri\""},
      {R"({"turn_servers": [{"uri": "stun:relay.example"}]})",
       "key \"turn_servers[0].uri\": \"stun:relay.example\" is not a URI such as turn:"},
      {R"({"stun_servers": ["198.51.100.7"]})",
       "key \"stun_servers[0]\": \"198.51.100.7\" is not an address and port"},
      {R"({"candidates": []})", "key \"candidates\": [] is not an object"},
      {R"({"candidates": {"deny_prefixes": ["10.0.0.1/8"]}})",
       "key \"candidates.deny_prefixes[0]\": \"10.0.0.1/8\" is not a block"},
      {R"({"candidates": {"allow_interfaces": ["e*h"]}})", "key \"candidates.allow_interfaces[0]\""},
      {R"({"plugins": {"directory": "lib"}})", "is not an absolute path"},
      {R"({"plugins": {"priority": [{"weight": 1}]}})", "key \"plugins.priority[0].name\" is missing"},
      {R"({"plugins": {"priority": [{"name": "a", "weight": 1001}]}})", "is not an integer from 1 to 1000"},
      {R"({"ice": {"ta_ms": 1}})", "key \"ice.ta_ms\": 1 is not an integer from 5 to 500"},
      {R"({"ice": {"consent_interval_ms": 5000, "consent_timeout_ms": 4000}})",
       "must be longer than consent_interval_ms (5000)"},
      {R"({"data_plane": true})", "key \"data_plane\": true is not an object"},
      {R"({"data_plane": {"aes": "on"}})", "key \"data_plane.aes\": \"on\" is not one of auto, openssl, off"},
      {R"({"data_plane": {"aes": true}})", "key \"data_plane.aes\": true is not one of auto"},
      {R"({"data_plane": {"compact": "no"}})", "key \"data_plane.compact\": \"no\" is not true or false"},
      {R"({"data_plane": {"loops": 65}})", "key \"data_plane.loops\": 65 is not an integer from 0 to 64"},
      {R"({"data_plane": {"loops": -1}})", "key \"data_plane.loops\": -1 is not an integer from 0 to 64"},
      {R"({"data_plane": {"tun_tos": true}})", "did you mean \"data_plane.tun_tso\"?"},
      {R"({"virtual_address": "10.9.0.1"})", "is not an address with its prefix length"},
      {R"({"virtual_address": "10.9.0.1/33"})", "is not an address with its prefix length"},
      {R"({"wireguard_peers": [{}]})", "key \"wireguard_peers[0].public_key\" is missing"},
      {R"({"wireguard_peers": [{"public_key": "abc"}]})", "is not a key as `wg` prints it"},
      {R"([])", "must be one JSON object"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_THAT(error_of(text), HasSubstr(message)) << text;
}

TEST(Config, PeersMayNotShareKeysOrBlocks) {
  const std::string a =
      R"({"public_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "allowed_ips": ["10.9.0.2/32"]})";
  const std::string b =
      R"({"public_key": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "allowed_ips": ["10.9.0.2/32"]})";
  EXPECT_THAT(error_of(R"({"wireguard_peers": [)" + a + "," + a + "]}"),
              HasSubstr("the same key is used by an earlier peer"));
  EXPECT_THAT(error_of(R"({"wireguard_peers": [)" + a + "," + b + "]}"),
              HasSubstr("10.9.0.2/32 is allowed to an earlier peer"));
}

TEST(Config, TextThatIsNoJsonIsToldWithItsPlace) {
  EXPECT_THAT(error_of("{\n  \"mtu\": ,\n}"), HasSubstr("not JSON: parse error at line 2"));
  EXPECT_THAT(error_of(""), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(std::string_view("{}\0{", 4)), HasSubstr("NUL"));
  EXPECT_THAT(error_of(R"({"mtu": 1400, "mtu": 1500})"), HasSubstr("key \"mtu\" occurs twice"));
  EXPECT_THAT(error_of(std::string(200'000, '[')), HasSubstr("nested too deeply"));
  // Complete JSON, which printing it in the refusal would recurse through.
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_THAT(error_of("{\"name\": " + deep + "}"), HasSubstr("nested too deeply"));
  EXPECT_THAT(error_of(std::string(kMaxConfigBytes + 1, ' ')), HasSubstr("larger than 1 MiB"));
}

TEST(Config, FilesAreNamedInErrors) {
  EXPECT_THAT(load_config("/nonexistent/causeway.json").error().message,
              HasSubstr("/nonexistent/causeway.json: there is no such file"));
  EXPECT_THAT(load_config("/dev/zero").error().message, HasSubstr("no regular file"));
}

}  // namespace
}  // namespace causeway::daemon
