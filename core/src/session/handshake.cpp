#include "session/handshake.hpp"

#include "session/cookie.hpp"
#include "session/ikpsk2.hpp"
#include "session/wire.hpp"

namespace causeway::session {

std::string_view to_string(HandshakeDrop drop) {
  switch (drop) {
    case HandshakeDrop::malformed:
      return "wrong length, type or reserved bytes";
    case HandshakeDrop::bad_mac1:
      return "not meant for our public key";
    case HandshakeDrop::bad_mac2:
      return "without a valid cookie under load";
    case HandshakeDrop::not_authentic:
      return "a decryption failed";
  }
  return "unknown";
}

struct HandshakeInbox::State {
  const LocalKeys& local;
  MacChecker macs;
};

HandshakeInbox::HandshakeInbox(const LocalKeys& local, RandomSource& random)
    : state_(std::make_unique<State>(State{local, MacChecker{local.public_key, random}})) {}

HandshakeInbox::~HandshakeInbox() = default;

InboxVerdict HandshakeInbox::consume(ByteView message, const net::Endpoint& from, bool under_load, Now now) {
  const auto type = wire::type_of(message);
  if (!type || *type == wire::MessageType::data) return HandshakeDrop::malformed;
  if (*type == wire::MessageType::cookie_reply) {
    // Only the session whose handshake it names can open it.
    return ForHandshake{wire::parse_cookie_reply(message)->receiver_index, true};
  }

  auto& macs = state_->macs;
  if (!macs.has_valid_mac1(message)) return HandshakeDrop::bad_mac1;
  if (under_load && !macs.has_valid_mac2(message, from, now)) {
    return CookieReply{macs.make_cookie_reply(message, from, now)};
  }
  if (*type == wire::MessageType::response)
    return ForHandshake{wire::parse_response(message)->receiver_index, false};

  // From here on a message costs us two Diffie-Hellman computations.
  const auto initiation = *wire::parse_initiation(message);
  Tai64n timestamp;
  const crypto::SessionPublicKey ephemeral{initiation.ephemeral};
  auto read = ikpsk2::read_message1(as_bytes(ikpsk2::kIdentifier), state_->local, ephemeral,
                                    initiation.sealed_static, initiation.sealed_timestamp, timestamp);
  if (!read) return HandshakeDrop::not_authentic;
  return ReceivedInitiation{read->initiator, initiation.sender_index, timestamp, read->state, ephemeral};
}

}  // namespace causeway::session
