#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "node/check_list_policy.hpp"
#include "node/subscription_policy.hpp"
#include "plugin/signature.hpp"

namespace causeway::daemon {

/// Which NICs and addresses become host candidates. Names may end in `*`. Deny wins over allow; an empty
/// allow list allows everything.
struct CandidatePolicy {
  std::vector<std::string> allow_interfaces;
  std::vector<std::string> deny_interfaces{"docker*", "br-*", "veth*", "virbr*", "cni*"};
  std::vector<net::Prefix> allow_prefixes;
  std::vector<net::Prefix> deny_prefixes;

  /// Why this interface, or this address, is not to be used; nullopt: it may be.
  std::optional<std::string> why_not_interface(std::string_view name) const;
  std::optional<std::string> why_not_address(const net::IpAddress& address) const;
  bool allows_interface(std::string_view name) const { return !why_not_interface(name); }
  bool allows_address(const net::IpAddress& address) const { return !why_not_address(address); }
  /// The allow list has exactly this name: what is a TUN or a bridge by kind is wanted all the same.
  bool names_interface(std::string_view name) const;
  friend bool operator==(const CandidatePolicy&, const CandidatePolicy&) = default;
};

/// One layer of the priority stack.
struct PriorityLayer {
  std::string name;
  std::uint32_t weight = 1000;  ///< per mille
  friend bool operator==(const PriorityLayer&, const PriorityLayer&) = default;
};

struct PluginConfig {
  std::optional<std::filesystem::path> directory;  ///< nullopt: where the shipped plugins are installed
  std::vector<std::string> load{"priority-ice", "candidates-stun",
                                "transport-turn"};  ///< names in `directory`, or files
  std::vector<PriorityLayer> priority{{"priority-ice", 1000}};
  std::vector<plugin::SigningKey> keys;  ///< files must be signed by one of them; none: they need not be
  std::map<std::string, std::string> configuration;  ///< by plugin: its own JSON object, as text
  friend bool operator==(const PluginConfig&, const PluginConfig&) = default;
};

/// A TURN server beside those of the address server.
struct TurnServer {
  std::string uri;  ///< RFC 7065
  std::string username;
  std::string password;
  friend bool operator==(const TurnServer&, const TurnServer&) = default;
};

/// Timers of the ICE agent (ice::Agent::Options says what each does).
struct IceConfig {
  std::chrono::milliseconds ta{20};
  std::chrono::milliseconds rto{250};
  std::chrono::milliseconds keep_warm{5000};
  std::chrono::milliseconds consent_interval{1000};
  std::chrono::milliseconds consent_timeout{15000};
  std::chrono::milliseconds reprobe{1000};
  std::chrono::milliseconds patience{10000};
  friend bool operator==(const IceConfig&, const IceConfig&) = default;
};

/// Which AES-256-GCM compact messages may be sealed with.
enum class AesChoice : std::uint8_t {
  automatic,  ///< the fastest, if the processor has AES instructions
  openssl,    ///< never libipsec-mb
  off,        ///< none: ChaCha20-Poly1305
};

/// Switches of the data plane for fault finding.
struct DataPlaneConfig {
  bool compact = true;  ///< false: WireGuard's format to every peer
  AesChoice aes = AesChoice::automatic;
  bool udp_segmentation = true;  ///< UDP_SEGMENT
  bool udp_gro = true;           ///< UDP_GRO
  bool tun_tso = true;
  bool tun_uso = true;
  unsigned loops = 0;  ///< 0: one per core, but one on two cores or fewer
  friend bool operator==(const DataPlaneConfig&, const DataPlaneConfig&) = default;
};

/// "10.9.0.1/24": an address and the block that is on-link with it.
struct InterfaceAddress {
  net::IpAddress address;
  net::Prefix on_link;
  static std::optional<InterfaceAddress> parse(std::string_view text);
  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// A stock WireGuard device.
struct WireguardPeer {
  crypto::SessionPublicKey public_key;
  std::optional<net::Endpoint> endpoint;
  std::vector<net::Prefix> allowed_ips;
  std::optional<crypto::PresharedKey> preshared_key;
  std::optional<std::chrono::seconds> persistent_keepalive;
  friend bool operator==(const WireguardPeer& a, const WireguardPeer& b);
};

/// What a user may choose; the defaults are those of docs/causeway.sample.json.
struct Config {
  std::optional<std::string> name;  ///< nullopt: the host name
  std::string tun = "cw0";
  std::uint16_t listen_port = 0;  ///< 0: any, then the same after each restart
  std::string log_level = "info";
  std::uint16_t mtu = 1467;
  std::vector<net::Endpoint> stun_servers;  ///< beside those of the address server
  std::vector<TurnServer> turn_servers;     ///< likewise
  bool turn_tls_verify = false;             ///< turns: servers must show a certificate for their name
  CandidatePolicy candidates;
  PluginConfig plugins;
  IceConfig ice;
  bool ipv6 = true;  ///< an IPv6 virtual address beside the IPv4 one, where the network has them
  node::SubscriptionPolicy subscriptions = node::SubscriptionPolicy::friends;
  DataPlaneConfig data_plane;
  bool reports = true;                       ///< tell the address server how paths do
  node::CheckListPolicy check_list;          ///< keys check_list and history_days
  std::optional<std::string> control_group;  ///< may connect to the control socket and ask
  bool hosts_file = true;                    ///< NAME.cw of every peer in a managed block of /etc/hosts
  std::optional<InterfaceAddress> virtual_address;  ///< own address when no server gives one
  std::vector<WireguardPeer> wireguard_peers;
  friend bool operator==(const Config&, const Config&) = default;
};

inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

/// JSON with // and /* */ comments. An error names the key by its path ("plugins.priority[0].weight"), and
/// for an unknown key the nearest known one. `keys_looked_for`, if given, receives the path of each key that
/// the reader knows at the places it came by ("plugins.priority[].weight").
Result<Config> parse_config(std::string_view text, std::set<std::string>* keys_looked_for = nullptr);
/// Errors begin with the file's name.
Result<Config> load_config(const std::filesystem::path& file);

}  // namespace causeway::daemon
