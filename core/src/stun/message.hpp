#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
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

/// What demultiplexing needs, read without trust: the header alone, checked for first bits, cookie and length.
struct Header {
  MessageClass message_class;
  std::uint16_t method;
  TransactionId transaction;
};
std::optional<Header> peek_header(ByteView datagram);
/// USERNAME of a message that peek_header() accepted, unverified; borrowed from `datagram`.
std::optional<std::string_view> peek_username(ByteView datagram);

/// The ICE attributes and mapped address of a Binding message that was parsed and, where it must be, authenticated.
struct BindingRequest {
  TransactionId transaction;
  std::string username;  ///< "receiver:sender"
  std::uint32_t priority = 0;
  bool use_candidate = false;
  std::optional<std::uint64_t> controlling;  ///< tiebreaker
  std::optional<std::uint64_t> controlled;
};
struct BindingResponse {
  TransactionId transaction;
  std::optional<net::Endpoint> mapped;    ///< XOR-MAPPED-ADDRESS (or MAPPED-ADDRESS) of a success
  std::optional<std::uint16_t> error;     ///< 300..699 of an error response
};

enum class ParseError : std::uint8_t {
  malformed,         ///< not well-formed STUN, or attributes missing
  bad_integrity,     ///< MESSAGE-INTEGRITY absent or wrong
  bad_fingerprint,   ///< FINGERPRINT absent where ICE wants it, or wrong
  unknown_required,  ///< unknown comprehension-required attribute: a request gets error 420
};

}  // namespace causeway::stun
