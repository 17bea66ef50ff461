#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/endpoint.hpp"
#include "stun/transaction_id.hpp"

/// STUN messages (RFC 8489) over libnice's codec. What is not needed here is not wrapped.
namespace causeway::stun {

inline constexpr std::uint32_t kMagicCookie = 0x2112A442;
inline constexpr std::size_t kHeaderBytes = 20;
/// Larger messages are refused: ours stay far below, and nobody may make us read more.
inline constexpr std::size_t kMaxMessageBytes = 1280;

enum class MessageClass : std::uint8_t { request, indication, success_response, error_response };
inline constexpr std::uint16_t kBindingMethod = 1;

/// What demultiplexing needs, read without trust: the header alone, checked for first bits, cookie and
/// length.
struct Header {
  MessageClass message_class;
  std::uint16_t method;
  TransactionId transaction;
};
std::optional<Header> peek_header(ByteView datagram);
/// USERNAME of a message that peek_header() accepted, unverified; borrowed from `datagram`.
std::optional<std::string_view> peek_username(ByteView datagram);

/// The ICE attributes of a Binding request.
struct BindingRequest {
  TransactionId transaction;
  std::string username;  ///< "receiver:sender"
  std::uint32_t priority = 0;
  bool use_candidate = false;
  /// NOMINATION (0xC001, comprehension-optional): orders the nominations of one sender. Absent from other
  /// agents.
  std::optional<std::uint32_t> nomination;
  std::optional<std::uint64_t> controlling;  ///< tiebreaker
  std::optional<std::uint64_t> controlled;

  friend bool operator==(const BindingRequest&, const BindingRequest&) = default;
};
/// A success response has `mapped`, an error response has `error`; never both.
struct BindingResponse {
  TransactionId transaction;
  std::optional<net::Endpoint> mapped;  ///< XOR-MAPPED-ADDRESS (or MAPPED-ADDRESS) of a success
  std::optional<std::uint16_t> error;   ///< 300..699 of an error response

  friend bool operator==(const BindingResponse&, const BindingResponse&) = default;
};

enum class ParseError : std::uint8_t {
  malformed,         ///< not well-formed STUN, not of the expected class and method, or attributes missing
  bad_integrity,     ///< MESSAGE-INTEGRITY absent or wrong
  bad_fingerprint,   ///< FINGERPRINT absent where ICE wants it, or wrong
  unknown_required,  ///< unknown comprehension-required attribute: a request gets error 420
};
[[noreturn]] void throw_exception_from_error(ParseError error, const boost::source_location& where);

namespace error_code {
inline constexpr std::uint16_t kBadRequest = 400, kUnauthorized = 401, kForbidden = 403,
                               kUnknownAttribute = 420, kRoleConflict = 487;
}

// ---- connectivity checks: short-term credential (RFC 8489 §9.1) and FINGERPRINT (RFC 8445 §7.1) ----
// The receiver's password keys a request; the same password keys its response.
Bytes encode_binding_request(const BindingRequest& request, std::string_view password);
Bytes encode_binding_success(const TransactionId& transaction, const net::Endpoint& mapped,
                             std::string_view password);
/// `unknown` fills UNKNOWN-ATTRIBUTES of a 420. An empty password leaves MESSAGE-INTEGRITY out, as 400 and
/// 401 need.
Bytes encode_binding_error(const TransactionId& transaction, std::uint16_t code, std::string_view password,
                           const std::vector<std::uint16_t>& unknown = {});
/// A keepalive (RFC 8445 §11); it has FINGERPRINT and no credential.
Bytes encode_binding_indication(const TransactionId& transaction);

/// Well-formedness and credential are judged before `unknown_required`, so a 420 only goes to who knows the
/// password.
Result<BindingRequest, ParseError> parse_binding_request(ByteView datagram, std::string_view password);
Result<BindingResponse, ParseError> parse_binding_response(ByteView datagram, std::string_view password);
/// True for a well-formed indication with a right FINGERPRINT.
bool is_binding_indication(ByteView datagram);
/// The comprehension-required attributes of a well-formed message that are unknown here; at most 16 of them.
std::vector<std::uint16_t> unknown_required_attributes(ByteView datagram);

// ---- plain Binding with a STUN server: no credential, FINGERPRINT checked where present ----
Bytes encode_plain_binding_request(const TransactionId& transaction);
Bytes encode_plain_binding_success(const TransactionId& transaction, const net::Endpoint& mapped);
Result<BindingResponse, ParseError> parse_plain_binding_response(ByteView datagram);

}  // namespace causeway::stun
