#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace causeway::protocol {

/// Where a server listens, by name or address.
struct HostPort {
  std::string host;  ///< IPv6 addresses without brackets
  std::uint16_t port = 0;

  /// "server.example:7443", "198.51.100.7:7443", "[2001:db8::1]:7443".
  static std::optional<HostPort> parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// SHA-256 of a server's SubjectPublicKeyInfo (DER).
using KeyPin = std::array<std::uint8_t, 32>;

/// Everything a new node needs (docs/protocol.md §2): which network, where its servers are, how to know them,
/// and the secret that admits it.
struct JoinToken {
  std::string network;
  std::vector<HostPort> servers;  ///< 1 to 8, in order of preference
  std::vector<KeyPin> pins;       ///< the server's key, then its next one; empty only with `ca`
  std::optional<std::string> ca;  ///< instead of pins: the host name that the system's CAs must vouch for
  std::string secret;             ///< base64url of 16 random bytes

  /// Surrounding white space is ignored, as tokens are pasted. The error says what to do.
  static Result<JoinToken> parse(std::string_view text);
  std::string format() const;
  /// The same with a secret of zeros: all that a node needs once the server has bound its identity.
  JoinToken without_secret() const;
  friend bool operator==(const JoinToken&, const JoinToken&) = default;
};

inline constexpr std::size_t kMaxTokenBytes = 2048;
inline constexpr std::size_t kTokenSecretBytes = 16;

}  // namespace causeway::protocol
