#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "causeway/types.h"

namespace transport_turn {

struct Credentials {
  std::string username;
  std::string password;

  bool operator==(const Credentials&) const = default;
};

/// One way to one server.
struct Server {
  std::string uri;         ///< as configured, for logs
  std::string host;        ///< of the URI: SNI, and what a certificate is verified against
  std::uint32_t kind = 0;  ///< CW_LINK_…
  cw_address address{};
  Credentials credentials;
};

struct ServerList {
  std::vector<Server> servers;  ///< in the order of the configuration
  bool verify_tls = false;
  std::vector<std::string> complaints;  ///< entries that were left out, a sentence each
};

inline constexpr std::size_t kMaxServers = 16;         ///< ways to servers; further ones are left out
inline constexpr std::size_t kMaxUsernameBytes = 508;  // RFC 8489 §14.3

/// The keys "turn_servers" and "turn_tls_verify" of a JSON object; entries that are no TURN servers are left
/// out. nullopt if this is no JSON object.
std::optional<ServerList> parse_servers(std::string_view json);

/// RFC 7065: "turn:host:port?transport=udp", "turns:host". Only the parts that matter here; nullopt also for
/// DTLS (turns over UDP), which we do not speak.
struct TurnUri {
  std::string host;
  std::uint32_t kind;
};
std::optional<TurnUri> parse_uri(std::string_view uri);

}  // namespace transport_turn
