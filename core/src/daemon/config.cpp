#include "daemon/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/config_reader.hpp"
#include "protocol/name.hpp"
#include "relay/turn_uri.hpp"
#include "store/file.hpp"

namespace causeway::daemon {
namespace {

/// Of one plugin. Each of its decisions carries it.
constexpr std::size_t kMaxPluginConfigurationBytes = 16 * 1024;

constexpr std::array<std::string_view, 6> kLogLevels{"trace", "debug", "info", "warning", "error", "off"};

std::optional<std::string> parse_log_level(std::string_view text) {
  if (std::find(kLogLevels.begin(), kLogLevels.end(), text) == kLogLevels.end()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> parse_node_name(std::string_view text) {
  return protocol::is_valid_name(text) ? std::optional(std::string(text)) : std::nullopt;
}

/// IFNAMSIZ is 16 with the NUL; the kernel refuses white space, '/' and ':', and reads '%' as a pattern.
std::optional<std::string> parse_interface_name(std::string_view text) {
  const bool has_bad_letter = std::any_of(text.begin(), text.end(), [](unsigned char c) {
    return c <= ' ' || c >= 0x7f || c == '/' || c == ':' || c == '%';
  });
  if (text.empty() || text.size() > 15 || has_bad_letter || text == "." || text == "..") return std::nullopt;
  return std::string(text);
}

std::optional<std::string> parse_interface_pattern(std::string_view text) {
  const std::string_view stem = text.ends_with('*') ? text.substr(0, text.size() - 1) : text;
  if (stem.find('*') != std::string_view::npos || (!stem.empty() && !parse_interface_name(stem)))
    return std::nullopt;
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<net::Endpoint> parse_remote_endpoint(std::string_view text) {
  const auto endpoint = net::Endpoint::parse(text);
  if (!endpoint || endpoint->port == 0 || endpoint->address.is_unspecified() ||
      endpoint->address.is_multicast()) {
    return std::nullopt;
  }
  return endpoint;
}

std::optional<std::string> parse_group_name(std::string_view text) {
  const bool is_name = !text.empty() && text.size() <= 32 && text.find_first_of(":/ \t\n") == text.npos;
  return is_name ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<std::filesystem::path> parse_absolute_path(std::string_view text) {
  const std::filesystem::path path(text);
  return path.is_absolute() ? std::optional(path) : std::nullopt;
}

std::optional<std::string> parse_plugin_reference(std::string_view text) {
  if (text.starts_with('/') ? text.size() <= 4096 : protocol::is_valid_name(text)) return std::string(text);
  return std::nullopt;
}

std::optional<bool> parse_check_list(std::string_view text) {
  if (text == "keep") return true;
  if (text == "drop") return false;
  return std::nullopt;
}

void read_turn_servers(ConfigObject& root, Config& config) {
  auto servers = root.objects("turn_servers", 16);
  if (!servers) return;
  config.turn_servers.clear();
  // RFC 8489 §14.3 has fewer than 509 bytes for a user name.
  const auto parse_word = [](std::string_view text) {
    return text.size() < 509 ? std::optional(std::string(text)) : std::nullopt;
  };
  for (ConfigObject& object : *servers) {
    TurnServer server;
    object.require("uri");
    object.read_text("uri", server.uri, "a URI such as turn:relay.example:3478?transport=udp",
                     [](std::string_view text) {
                       return relay::parse_turn_uri(text) ? std::optional(std::string(text)) : std::nullopt;
                     });
    object.read_text("username", server.username, "a text of at most 508 bytes", parse_word);
    object.read_text("password", server.password, "a text of at most 508 bytes", parse_word);
    object.finish();
    config.turn_servers.push_back(std::move(server));
  }
}

void read_candidates(ConfigObject object, CandidatePolicy& policy) {
  constexpr auto kPattern = "an interface name, which may end in *";
  constexpr auto kPrefix = "a block such as 192.168.0.0/16";
  object.read_texts("allow_interfaces", policy.allow_interfaces, 64, kPattern, parse_interface_pattern);
  object.read_texts("deny_interfaces", policy.deny_interfaces, 64, kPattern, parse_interface_pattern);
  object.read_texts("allow_prefixes", policy.allow_prefixes, 64, kPrefix, net::Prefix::parse);
  object.read_texts("deny_prefixes", policy.deny_prefixes, 64, kPrefix, net::Prefix::parse);
  object.finish();
}

void read_plugins(ConfigObject object, PluginConfig& plugins) {
  object.read_optional_text("directory", plugins.directory, "an absolute path", parse_absolute_path);
  object.read_texts("load", plugins.load, 32, "a plugin's name or the absolute path of its file",
                    parse_plugin_reference);
  object.read_texts("keys", plugins.keys, 16, "a minisign public key (the second line of a .pub file)",
                    plugin::parse_signing_key);
  if (auto layers = object.objects("priority", 8)) {
    plugins.priority.clear();
    for (ConfigObject& layer : *layers) {
      PriorityLayer made;
      layer.require("name");
      layer.read_text("name", made.name, "a plugin's name", parse_node_name);
      layer.read_integer("weight", made.weight, 1, 1000);
      layer.finish();
      plugins.priority.push_back(std::move(made));
    }
  }
  object.read_object_texts("configuration", plugins.configuration, 32, kMaxPluginConfigurationBytes,
                           "a plugin's name", protocol::is_valid_name);
  object.finish();
}

void read_milliseconds(ConfigObject& object, const char* key, std::chrono::milliseconds& value,
                       std::int64_t low, std::int64_t high) {
  std::int64_t count = value.count();
  object.read_integer(key, count, low, high);
  value = std::chrono::milliseconds(count);
}

void read_ice(ConfigObject object, IceConfig& ice) {
  read_milliseconds(object, "ta_ms", ice.ta, 5, 500);  // RFC 8445 §14.2: not below 5 ms
  read_milliseconds(object, "rto_ms", ice.rto, 50, 3000);
  read_milliseconds(object, "keep_warm_ms", ice.keep_warm, 500, 25'000);
  read_milliseconds(object, "consent_interval_ms", ice.consent_interval, 250, 5000);
  read_milliseconds(object, "consent_timeout_ms", ice.consent_timeout, 1000,
                    30'000);  // RFC 7675 §5.1: 30 s at most
  read_milliseconds(object, "reprobe_ms", ice.reprobe, 250, 1000);
  read_milliseconds(object, "patience_ms", ice.patience, 1000, 60'000);
  object.finish();
  if (ice.consent_timeout <= ice.consent_interval) {
    throw ConfigProblem{fmt::format("key \"{}\": must be longer than consent_interval_ms ({})",
                                    object.path_of("consent_timeout_ms"), ice.consent_interval.count())};
  }
}

std::optional<AesChoice> parse_aes(std::string_view text) {
  if (text == "auto") return AesChoice::automatic;
  if (text == "openssl") return AesChoice::openssl;
  if (text == "off") return AesChoice::off;
  return std::nullopt;
}

void read_data_plane(ConfigObject object, DataPlaneConfig& config) {
  object.read_flag("compact", config.compact);
  object.read_text("aes", config.aes, "one of auto, openssl, off", parse_aes);
  object.read_flag("udp_segmentation", config.udp_segmentation);
  object.read_flag("udp_gro", config.udp_gro);
  object.read_flag("tun_tso", config.tun_tso);
  object.read_flag("tun_uso", config.tun_uso);
  object.read_integer("loops", config.loops, 0, 64);
  object.finish();
}

WireguardPeer read_wireguard_peer(ConfigObject& object) {
  WireguardPeer peer;
  constexpr auto kKey = "a key as `wg` prints it (32 bytes in base64)";
  object.require("public_key");
  object.read_text("public_key", peer.public_key, kKey, crypto::SessionPublicKey::from_base64);
  object.read_optional_text("endpoint", peer.endpoint, "an address and port such as 198.51.100.7:51820",
                            parse_remote_endpoint);
  object.require("allowed_ips");
  object.read_texts("allowed_ips", peer.allowed_ips, 256, "a block such as 10.9.0.2/32", net::Prefix::parse);
  object.read_optional_text("preshared_key", peer.preshared_key, kKey, [](std::string_view text) {
    const auto bytes = from_base64(text);
    return bytes ? crypto::PresharedKey::from_bytes(*bytes) : std::nullopt;
  });
  std::int64_t keepalive = 0;
  object.read_integer("persistent_keepalive", keepalive, 0, 65'535);
  if (keepalive > 0) peer.persistent_keepalive = std::chrono::seconds(keepalive);
  object.finish();
  return peer;
}

void read_wireguard_peers(ConfigObject& root, Config& config) {
  auto peers = root.objects("wireguard_peers", 256);
  if (!peers) return;
  config.wireguard_peers.clear();
  for (ConfigObject& object : *peers) {
    WireguardPeer peer = read_wireguard_peer(object);
    for (const WireguardPeer& other : config.wireguard_peers) {
      if (other.public_key == peer.public_key) {
        throw ConfigProblem{
            fmt::format("key \"{}\": the same key is used by an earlier peer", object.path_of("public_key"))};
      }
      for (const net::Prefix& block : peer.allowed_ips) {
        if (std::find(other.allowed_ips.begin(), other.allowed_ips.end(), block) == other.allowed_ips.end())
          continue;
        throw ConfigProblem{fmt::format("key \"{}\": {} is allowed to an earlier peer already",
                                        object.path_of("allowed_ips"), block.to_string())};
      }
    }
    config.wireguard_peers.push_back(std::move(peer));
  }
}

Config read_config(std::string_view text, std::set<std::string>* keys_looked_for) {
  const nlohmann::json json = parse_commented_json(text);
  ConfigObject root(json, "", keys_looked_for);
  Config config;
  root.read_optional_text("name", config.name, "a name (1 to 63 letters, digits, dots, dashes, underscores)",
                          parse_node_name);
  root.read_text("tun", config.tun, "an interface name (1 to 15 characters)", parse_interface_name);
  root.read_integer("listen_port", config.listen_port, 0, 65'535);
  root.read_text("log_level", config.log_level, "one of trace, debug, info, warning, error, off",
                 parse_log_level);
  root.read_integer("mtu", config.mtu, 1280, 9000);  // 1280: IPv6 needs it
  root.read_texts("stun_servers", config.stun_servers, 16, "an address and port such as 198.51.100.7:3478",
                  parse_remote_endpoint);
  read_turn_servers(root, config);
  root.read_flag("turn_tls_verify", config.turn_tls_verify);
  read_candidates(root.object("candidates"), config.candidates);
  read_plugins(root.object("plugins"), config.plugins);
  read_ice(root.object("ice"), config.ice);
  read_data_plane(root.object("data_plane"), config.data_plane);
  root.read_flag("ipv6", config.ipv6);
  root.read_text("subscriptions", config.subscriptions, "one of friends, all, none",
                 node::parse_subscription_policy);
  root.read_flag("reports", config.reports);
  root.read_text("check_list", config.check_list.is_kept, "one of keep, drop", parse_check_list);
  std::int64_t history_days =
      std::chrono::duration_cast<std::chrono::days>(config.check_list.history).count();
  root.read_integer("history_days", history_days, 1, 3650);
  config.check_list.history = std::chrono::days(history_days);
  root.read_optional_text("control_group", config.control_group, "the name of a group", parse_group_name);
  root.read_flag("hosts_file", config.hosts_file);
  root.read_optional_text("virtual_address", config.virtual_address,
                          "an address with its prefix length, such as 10.9.0.1/24", InterfaceAddress::parse);
  read_wireguard_peers(root, config);
  root.finish();
  return config;
}

bool matches(std::string_view pattern, std::string_view name) {
  return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1)) : name == pattern;
}

}  // namespace

std::optional<std::string> CandidatePolicy::why_not_interface(std::string_view name) const {
  const auto fits = [name](const std::string& pattern) { return matches(pattern, name); };
  const auto denied = std::find_if(deny_interfaces.begin(), deny_interfaces.end(), fits);
  if (denied != deny_interfaces.end()) return fmt::format("candidates.deny_interfaces has \"{}\"", *denied);
  if (allow_interfaces.empty() || std::any_of(allow_interfaces.begin(), allow_interfaces.end(), fits))
    return std::nullopt;
  return "its interface is not in candidates.allow_interfaces";
}

std::optional<std::string> CandidatePolicy::why_not_address(const net::IpAddress& address) const {
  const auto holds = [&address](const net::Prefix& prefix) { return prefix.contains(address); };
  const auto denied = std::find_if(deny_prefixes.begin(), deny_prefixes.end(), holds);
  if (denied != deny_prefixes.end())
    return fmt::format("candidates.deny_prefixes has {}", denied->to_string());
  if (allow_prefixes.empty() || std::any_of(allow_prefixes.begin(), allow_prefixes.end(), holds))
    return std::nullopt;
  return "it is in no block of candidates.allow_prefixes";
}

bool CandidatePolicy::names_interface(std::string_view name) const {
  return std::find(allow_interfaces.begin(), allow_interfaces.end(), name) != allow_interfaces.end();
}

std::optional<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = net::IpAddress::parse(text.substr(0, slash));
  // 0.0.0.0/N parses for every N, so this reads the length with all of Prefix's checks.
  const auto length = net::Prefix::parse(
      fmt::format("{}{}", address && address->is_v4() ? "0.0.0.0" : "::", text.substr(slash)));
  if (!address || !length || !address->is_usable_unicast()) return std::nullopt;
  return InterfaceAddress{*address, net::Prefix::containing(*address, length->length)};
}

bool operator==(const WireguardPeer& a, const WireguardPeer& b) {
  const bool same_secret =
      a.preshared_key.has_value() == b.preshared_key.has_value() &&
      (!a.preshared_key || equal_constant_time(a.preshared_key->bytes, b.preshared_key->bytes));
  return same_secret && a.public_key == b.public_key && a.endpoint == b.endpoint &&
         a.allowed_ips == b.allowed_ips && a.persistent_keepalive == b.persistent_keepalive;
}

Result<Config> parse_config(std::string_view text, std::set<std::string>* keys_looked_for) {
  if (text.size() > kMaxConfigBytes) return Error{"the configuration is larger than 1 MiB"};
  try {
    return read_config(text, keys_looked_for);
  } catch (const ConfigProblem& problem) {
    return Error{problem.message};
  }
}

Result<Config> load_config(const std::filesystem::path& file) {
  const auto text = store::read_small_file(file, kMaxConfigBytes);
  if (!text) return text.error();
  if (!*text) return Error{fmt::format("cannot read {}: there is no such file", file.string())};
  auto config = parse_config(**text);
  if (!config) return Error{fmt::format("{}: {}", file.string(), config.error().message)};
  return config;
}

}  // namespace causeway::daemon
