#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/keys.hpp"
#include "net/endpoint.hpp"
#include "protocol/json.hpp"

namespace causeway::protocol {

/// What a node can do; peers use what both can.
namespace ability {
inline constexpr std::string_view kWireguard = "wireguard";  ///< WireGuard's messages 1 to 4
inline constexpr std::string_view kCompact = "compact-1";    ///< compact messages with ChaCha20-Poly1305
inline constexpr std::string_view kAes = "aes-256-gcm";      ///< and with AES-256-GCM, which is fast here
inline constexpr std::string_view kPath = "path-1";          ///< path messages inside the session
}  // namespace ability

/// What a node says about itself under its own signature, so that a lying server can withhold it but not
/// change it.
struct NodeRecord {
  std::string network;
  std::string name;
  crypto::IdentityPublicKey identity;
  std::vector<net::IpAddress> virtual_addresses;  ///< 1 to 4
  crypto::SessionPublicKey session_key;
  std::vector<std::string> abilities;  ///< at most 32 words; unknown ones are kept
  std::uint64_t serial = 0;            ///< 0 to 2^53 - 1; a lower one than already seen is refused
  WallTime expires{};                  ///< whole seconds on the wire

  bool has_ability(std::string_view word) const;
  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

/// The signed text and its signature. The text is never written anew: it is stored and passed on byte by
/// byte.
struct SignedRecord {
  std::string body;  ///< the UTF-8 JSON text that was signed
  crypto::Ed25519Signature signature{};

  Json to_json() const;
  /// Reads the form only; verify() tells whether it is true.
  static Result<SignedRecord> parse(const Json& value);
  friend bool operator==(const SignedRecord&, const SignedRecord&) = default;
};

/// Why a record is not believed.
enum class RecordProblem : std::uint8_t {
  malformed,      ///< the body is not a record
  bad_signature,  ///< not signed by the identity it names
  wrong_network,  ///< signed for another network
  expired,
};
std::string_view to_string(RecordProblem problem);
[[noreturn]] void throw_exception_from_error(RecordProblem problem, const boost::source_location& where);

/// Asserts that `secret` belongs to record.identity by signing only: verify() fails otherwise.
SignedRecord sign(const NodeRecord& record, const crypto::IdentitySecretKey& secret);
/// The record, if its own identity signed it for `network` and it has not expired. Whether that identity is
/// the one expected is for the caller to compare.
Result<NodeRecord, RecordProblem> verify(const SignedRecord& record, std::string_view network, WallTime now);

}  // namespace causeway::protocol
