#include "stun/codec.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace causeway::stun {
namespace {

constexpr std::size_t kIntegrityBytes = 4 + 20;
constexpr std::size_t kFingerprintBytes = 4 + 4;

StunClass to_codec(MessageClass message_class) {
  switch (message_class) {
    case MessageClass::request:
      return STUN_REQUEST;
    case MessageClass::indication:
      return STUN_INDICATION;
    case MessageClass::success_response:
      return STUN_RESPONSE;
    case MessageClass::error_response:
      break;
  }
  return STUN_ERROR;
}

}  // namespace

CodecMessage::CodecMessage(MessageClass message_class, const TransactionId& transaction) {
  message_.agent = &agent_;
  message_.buffer = buffer_.data();
  message_.buffer_len = buffer_.size();
  // libnice's transaction id begins with the magic cookie.
  StunTransactionId id{kMagicCookie >> 24, kMagicCookie >> 16 & 0xff, kMagicCookie >> 8 & 0xff,
                       kMagicCookie & 0xff};
  std::copy(transaction.bytes.begin(), transaction.bytes.end(), id + 4);
  stun_agent_init(&agent_, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
                  STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS);
  const bool made = stun_message_init(&message_, to_codec(message_class), STUN_BINDING, id);
  assert(made);
  static_cast<void>(made);
}

CodecMessage::CodecMessage(ByteView bytes) {
  assert(bytes.size() >= kHeaderBytes && bytes.size() <= kMaxMessageBytes);
  message_.agent = &agent_;
  message_.buffer = buffer_.data();
  message_.buffer_len = buffer_.size();
  std::copy(bytes.begin(), bytes.end(), buffer_.begin());
  const std::size_t length = bytes.size() - kHeaderBytes;
  buffer_[2] = static_cast<std::uint8_t>(length >> 8);
  buffer_[3] = static_cast<std::uint8_t>(length);
  stun_agent_init(&agent_, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
                  STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS);
}

void CodecMessage::append_u64(StunAttribute type, std::uint64_t value) {
  const auto done = stun_message_append64(&message_, type, value);
  assert(done == STUN_MESSAGE_RETURN_SUCCESS);
  static_cast<void>(done);
}

void CodecMessage::append_endpoint(StunAttribute type, const net::Endpoint& endpoint) {
  sockaddr_storage storage{};
  const unsigned length = endpoint.to_sockaddr(storage);
  const auto done = stun_message_append_xor_addr(&message_, type, &storage, length);
  assert(done == STUN_MESSAGE_RETURN_SUCCESS);
  static_cast<void>(done);
}

Bytes CodecMessage::finish(std::string_view password, bool with_fingerprint) {
  if (with_fingerprint) {
    agent_.usage_flags =
        static_cast<StunAgentUsageFlags>(agent_.usage_flags | STUN_AGENT_USAGE_USE_FINGERPRINT);
  }
  const auto* key = password.empty() ? nullptr : reinterpret_cast<const std::uint8_t*>(password.data());
  const std::size_t size = stun_agent_finish_message(&agent_, &message_, key, password.size());
  assert(size >= kHeaderBytes);
  return {buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size)};
}

bool has_right_integrity(ByteView datagram, std::size_t at, std::string_view password) {
  // An empty password would make finish() leave the attribute out: no message is authentic by it.
  if (password.empty()) return false;
  const Bytes expected = CodecMessage(datagram.first(at)).finish(password, false);
  return expected.size() == at + kIntegrityBytes &&
         equal_constant_time(ByteView(expected).last(20), datagram.subspan(at + 4, 20));
}

bool has_right_fingerprint(ByteView datagram, std::size_t at) {
  const Bytes expected = CodecMessage(datagram.first(at)).finish({}, true);
  return expected.size() == at + kFingerprintBytes &&
         equal_constant_time(ByteView(expected).last(4), datagram.subspan(at + 4, 4));
}

}  // namespace causeway::stun
