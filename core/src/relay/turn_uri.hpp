#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace causeway::relay {

/// "turn:relay.example:3478?transport=udp" (RFC 7065): what the host must know of it, the rest is the
/// plugin's.
struct TurnUri {
  std::string host;  ///< a name or an address, without brackets
  std::uint16_t port = 3478;
  friend bool operator==(const TurnUri&, const TurnUri&) = default;
};

/// Nullopt unless it is a turn: or turns: URI. Without a port, that of the scheme.
std::optional<TurnUri> parse_turn_uri(std::string_view uri);

}  // namespace causeway::relay
