#include <cassert>

#include "stun/codec.hpp"
#include "stun/message.hpp"

namespace causeway::stun {

Bytes encode_binding_request(const BindingRequest& request, std::string_view password) {
  // 512 is what RFC 8489 §14.3 allows and what parse_binding_request() accepts.
  assert(!password.empty() && request.username.size() < 513);
  CodecMessage message(MessageClass::request, request.transaction);
  stun_message_append_bytes(message.get(), STUN_ATTRIBUTE_USERNAME, request.username.data(),
                            request.username.size());
  stun_message_append32(message.get(), STUN_ATTRIBUTE_PRIORITY, request.priority);
  if (request.use_candidate) stun_message_append_flag(message.get(), STUN_ATTRIBUTE_USE_CANDIDATE);
  if (request.nomination)
    stun_message_append32(message.get(), STUN_ATTRIBUTE_NOMINATION, *request.nomination);
  if (request.controlling) message.append_u64(STUN_ATTRIBUTE_ICE_CONTROLLING, *request.controlling);
  if (request.controlled) message.append_u64(STUN_ATTRIBUTE_ICE_CONTROLLED, *request.controlled);
  return message.finish(password, true);
}

Bytes encode_binding_success(const TransactionId& transaction, const net::Endpoint& mapped,
                             std::string_view password) {
  assert(!password.empty());
  CodecMessage message(MessageClass::success_response, transaction);
  message.append_endpoint(STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, mapped);
  return message.finish(password, true);
}

Bytes encode_binding_error(const TransactionId& transaction, std::uint16_t code, std::string_view password,
                           const std::vector<std::uint16_t>& unknown) {
  assert(code >= 300 && code <= 699);
  CodecMessage message(MessageClass::error_response, transaction);
  stun_message_append_error(message.get(), static_cast<StunError>(code));
  if (!unknown.empty()) {
    Bytes types;
    for (const std::uint16_t type : unknown) {
      types.push_back(static_cast<std::uint8_t>(type >> 8));
      types.push_back(static_cast<std::uint8_t>(type));
    }
    stun_message_append_bytes(message.get(), STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, types.data(), types.size());
  }
  return message.finish(password, true);
}

Bytes encode_binding_indication(const TransactionId& transaction) {
  return CodecMessage(MessageClass::indication, transaction).finish({}, true);
}

Bytes encode_plain_binding_request(const TransactionId& transaction) {
  return CodecMessage(MessageClass::request, transaction).finish({}, false);
}

Bytes encode_plain_binding_success(const TransactionId& transaction, const net::Endpoint& mapped) {
  CodecMessage message(MessageClass::success_response, transaction);
  message.append_endpoint(STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, mapped);
  return message.finish({}, false);
}

}  // namespace causeway::stun
