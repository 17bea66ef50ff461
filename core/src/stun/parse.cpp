#include <sys/socket.h>

#include <stdexcept>

#include "stun/attribute_walk.hpp"
#include "stun/codec.hpp"
#include "stun/message.hpp"

namespace causeway::stun {
namespace {

constexpr std::size_t kMaxUsernameBytes = 512;  // RFC 8489 §14.3: below 513

/// Structure, then FINGERPRINT, then MESSAGE-INTEGRITY: the cheap test goes first.
Result<AttributeWalk, ParseError> authenticate(ByteView datagram, std::string_view password) {
  auto walk = walk_attributes(datagram);
  if (!walk || walk->header.method != kBindingMethod) return ParseError::malformed;
  if (!walk->fingerprint || !has_right_fingerprint(datagram, *walk->fingerprint))
    return ParseError::bad_fingerprint;
  if (!walk->integrity || !has_right_integrity(datagram, *walk->integrity, password)) {
    return ParseError::bad_integrity;
  }
  return std::move(*walk);
}

/// The part of the message that its credential covers.
ByteView protected_part(ByteView datagram, const AttributeWalk& walk) {
  return walk.integrity ? datagram.first(*walk.integrity) : datagram;
}

std::optional<std::uint64_t> find_u64(CodecMessage& message, StunAttribute type) {
  std::uint64_t value = 0;
  if (stun_message_find64(message.get(), type, &value) != STUN_MESSAGE_RETURN_SUCCESS) return std::nullopt;
  return value;
}

std::optional<net::Endpoint> find_mapped_address(CodecMessage& message) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (stun_message_find_xor_addr(message.get(), STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &storage, &length) !=
      STUN_MESSAGE_RETURN_SUCCESS) {
    storage = {};
    length = sizeof storage;
    if (stun_message_find_addr(message.get(), STUN_ATTRIBUTE_MAPPED_ADDRESS, &storage, &length) !=
        STUN_MESSAGE_RETURN_SUCCESS) {
      return std::nullopt;
    }
  }
  return net::Endpoint::from_sockaddr(storage);
}

Result<BindingResponse, ParseError> read_response(ByteView datagram, const AttributeWalk& walk) {
  CodecMessage message(protected_part(datagram, walk));
  BindingResponse response{walk.header.transaction, std::nullopt, std::nullopt};
  if (walk.header.message_class == MessageClass::error_response) {
    int code = 0;
    if (stun_message_find_error(message.get(), &code) != STUN_MESSAGE_RETURN_SUCCESS || code < 300 ||
        code > 699) {
      return ParseError::malformed;
    }
    response.error = static_cast<std::uint16_t>(code);
    return response;
  }
  if (!walk.unknown_required.empty()) return ParseError::unknown_required;
  response.mapped = find_mapped_address(message);
  if (!response.mapped) return ParseError::malformed;
  return response;
}

bool is_response(MessageClass message_class) {
  return message_class == MessageClass::success_response || message_class == MessageClass::error_response;
}

}  // namespace

void throw_exception_from_error(ParseError error, const boost::source_location& where) {
  static_cast<void>(where);
  switch (error) {
    case ParseError::malformed:
      throw std::runtime_error("malformed STUN message");
    case ParseError::bad_integrity:
      throw std::runtime_error("STUN message with a wrong MESSAGE-INTEGRITY");
    case ParseError::bad_fingerprint:
      throw std::runtime_error("STUN message with a wrong FINGERPRINT");
    case ParseError::unknown_required:
      break;
  }
  throw std::runtime_error("STUN message with an unknown comprehension-required attribute");
}

Result<BindingRequest, ParseError> parse_binding_request(ByteView datagram, std::string_view password) {
  const auto walk = authenticate(datagram, password);
  if (!walk) return walk.error();
  if (walk->header.message_class != MessageClass::request) return ParseError::malformed;
  if (!walk->unknown_required.empty()) return ParseError::unknown_required;

  BindingRequest request;
  request.transaction = walk->header.transaction;
  const auto username = peek_username(datagram);
  if (!username || username->size() > kMaxUsernameBytes) return ParseError::malformed;
  request.username = *username;
  CodecMessage message(protected_part(datagram, *walk));
  if (stun_message_find32(message.get(), STUN_ATTRIBUTE_PRIORITY, &request.priority) !=
      STUN_MESSAGE_RETURN_SUCCESS) {
    return ParseError::malformed;
  }
  request.use_candidate =
      stun_message_find_flag(message.get(), STUN_ATTRIBUTE_USE_CANDIDATE) == STUN_MESSAGE_RETURN_SUCCESS;
  std::uint32_t nomination = 0;
  if (stun_message_find32(message.get(), STUN_ATTRIBUTE_NOMINATION, &nomination) ==
      STUN_MESSAGE_RETURN_SUCCESS) {
    request.nomination = nomination;
  }
  request.controlling = find_u64(message, STUN_ATTRIBUTE_ICE_CONTROLLING);
  request.controlled = find_u64(message, STUN_ATTRIBUTE_ICE_CONTROLLED);
  // RFC 8445 §7.1.3: one of the two is there, never both.
  if (request.controlling.has_value() == request.controlled.has_value()) return ParseError::malformed;
  return request;
}

Result<BindingResponse, ParseError> parse_binding_response(ByteView datagram, std::string_view password) {
  const auto walk = authenticate(datagram, password);
  if (!walk) return walk.error();
  if (!is_response(walk->header.message_class)) return ParseError::malformed;
  return read_response(datagram, *walk);
}

Result<BindingResponse, ParseError> parse_plain_binding_response(ByteView datagram) {
  const auto walk = walk_attributes(datagram);
  if (!walk || walk->header.method != kBindingMethod || !is_response(walk->header.message_class)) {
    return ParseError::malformed;
  }
  if (walk->fingerprint && !has_right_fingerprint(datagram, *walk->fingerprint))
    return ParseError::bad_fingerprint;
  return read_response(datagram, *walk);
}

bool is_binding_indication(ByteView datagram) {
  const auto walk = walk_attributes(datagram);
  return walk && walk->header.method == kBindingMethod &&
         walk->header.message_class == MessageClass::indication && walk->fingerprint &&
         has_right_fingerprint(datagram, *walk->fingerprint);
}

}  // namespace causeway::stun
