#include "session/handshake.hpp"

#include "base/random.hpp"
#include "input.hpp"
#include "session/cookie.hpp"
#include "session/wire.hpp"
#include "support/session_end.hpp"

namespace causeway::fuzz {

/// Made once: keys are dear, and an inbox keeps nothing but its cookie secret.
struct HandshakeReceiver {
  SeededRandom random{1};
  session::LocalKeys keys = session::testing::make_keys(random);
  session::HandshakeInbox inbox{keys, random};
};

}  // namespace causeway::fuzz

// First contact: raw bytes, and bytes with a right mac1 (anybody knows the public key). Nothing that was made
// up is authentic, and no answer is longer than what it answers.
CAUSEWAY_FUZZ_TARGET(handshake) {
  static HandshakeReceiver receiver;
  const std::uint8_t how = input.byte();
  const Now now{SteadyTime{std::chrono::seconds(1000 + input.byte())},
                WallTime{std::chrono::seconds(1'700'000'000)}};
  const net::Endpoint from{net::IpAddress::v4(0xc0000200u + input.byte()), input.u16()};
  const ByteView given = input.rest();
  Bytes message(given.begin(), given.end());
  session::MacWriter writer(receiver.keys.public_key);
  if ((how & 1) != 0) {
    const bool is_initiation = (how & 2) != 0;
    message.resize(is_initiation ? session::wire::kInitiationBytes : session::wire::kResponseBytes);
    message[0] = is_initiation ? 1 : 2;
    message[1] = message[2] = message[3] = 0;
    writer.write_macs(message, now.steady);
  }
  const bool under_load = (how & 4) != 0;
  const auto verdict = receiver.inbox.consume(message, from, under_load, now);
  require(!std::holds_alternative<session::ReceivedInitiation>(verdict), "a made-up initiation is authentic");
  const auto* reply = std::get_if<session::CookieReply>(&verdict);
  if (reply == nullptr) return;
  require(under_load, "a cookie without load");
  require(reply->message.size() < message.size(), "a cookie reply amplifies");
  // With the cookie the same message passes the load check; from elsewhere it does not.
  require(writer.consume_reply(reply->message, now.steady), "our own cookie reply is refused");
  writer.write_macs(message, now.steady);
  require(!std::holds_alternative<session::CookieReply>(receiver.inbox.consume(message, from, true, now)),
          "a right cookie is refused");
  const net::Endpoint elsewhere{from.address, static_cast<std::uint16_t>(from.port ^ 1)};
  const auto stolen = receiver.inbox.consume(message, elsewhere, true, now);
  require(std::holds_alternative<session::CookieReply>(stolen), "a cookie is good for another sender");
}
