#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "causeway/types.h"

/// Requests and responses of RFC 8656, on libnice's STUN codec. What data threads read and write is in
/// framing.hpp.
namespace transport_turn {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using TransactionId = std::array<std::uint8_t, 12>;
using Key = std::array<std::uint8_t, 16>;

inline constexpr std::size_t kStunHeaderBytes = 20;
inline constexpr std::uint32_t kMagicCookie = 0x2112a442;  // RFC 8489 §5
inline constexpr std::size_t kMaxRealmBytes = 763;         // §14.9 and §14.10: realm and nonce

/// The figures are those of the wire, RFC 8656 §17.
enum class Method : std::uint16_t {
  allocate = 0x003,
  refresh = 0x004,
  create_permission = 0x008,
  channel_bind = 0x009,
};

/// Error codes that change what we do; others only end the request. RFC 8489 §18.3, RFC 8656 §19.
namespace error_code {
inline constexpr int kTryAlternate = 300;
inline constexpr int kBadRequest = 400;
inline constexpr int kUnauthenticated = 401;
inline constexpr int kForbidden = 403;
inline constexpr int kAllocationMismatch = 437;
inline constexpr int kStaleNonce = 438;
inline constexpr int kFamilyNotSupported = 440;
inline constexpr int kWrongCredentials = 441;
inline constexpr int kTransportNotSupported = 442;
inline constexpr int kQuotaReached = 486;
inline constexpr int kInsufficientCapacity = 508;
}  // namespace error_code

/// Long-term credentials against one realm, RFC 8489 §9.2.
struct Authentication {
  std::string username;
  std::string realm;
  std::string nonce;
  Key key{};
};
/// MD5 of "username:realm:password", §18.5.1.1. The stronger algorithms of RFC 8489 are an offer of the
/// server that a client may leave alone; coturn has none of them.
Key long_term_key(std::string_view username, std::string_view realm, std::string_view password);

struct Request {
  Method method = Method::allocate;
  TransactionId id{};
  std::optional<std::uint32_t> lifetime;  ///< seconds
  std::uint8_t family = 0;                ///< allocate: 4 or 6, of the relayed address
  std::optional<cw_address> peer;         ///< create_permission, channel_bind
  std::uint16_t channel = 0;              ///< channel_bind
};
/// Without `authentication` there is no MESSAGE-INTEGRITY.
Bytes encode(const Request& request, const Authentication* authentication);

struct Response {
  Method method;
  TransactionId id;
  int error = 0;  ///< 0: success
  std::string error_text;
  std::optional<cw_address> relayed;
  std::optional<cw_address> mapped;
  std::optional<cw_address> alternate;
  std::optional<std::uint32_t> lifetime;
  std::string realm;
  std::string nonce;
  std::size_t integrity_at = 0;  ///< offset of MESSAGE-INTEGRITY; 0: there is none. Not checked yet
};
/// nullopt unless the bytes are one well-formed response of a method above, with a right FINGERPRINT if any
/// and without unknown comprehension-required attributes.
std::optional<Response> parse_response(ByteView bytes);

/// The MESSAGE-INTEGRITY at this offset was made with `key`; compared in constant time.
bool has_right_integrity(ByteView bytes, std::size_t at, const Key& key);

/// Appends a MESSAGE-INTEGRITY to a message, as the other end does.
void seal(Bytes& message, const Key& key);

}  // namespace transport_turn
