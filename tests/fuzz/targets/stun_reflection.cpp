#include "input.hpp"
#include "server/src/net/stun_responder.hpp"
#include "stun/message.hpp"

// The server's STUN port as a weapon: forged sources get short replies to requests only, and few of them.
CAUSEWAY_FUZZ_TARGET(stun_reflection) {
  using server::StunResponder;
  StunResponder responder;
  SteadyTime now{std::chrono::seconds(1000)};
  const SteadyTime start = now;
  const net::Endpoint victim{net::IpAddress::v4(0xc0000201), 53};
  double replies = 0;
  for (int step = 0; step < 200 && !input.is_empty(); ++step) {
    const std::uint8_t what = input.byte();
    Bytes datagram(stun::encode_plain_binding_request({}));
    if ((what & 1) != 0) {
      const ByteView raw = input.take(what);
      datagram.assign(raw.begin(), raw.end());
    } else if ((what & 2) != 0) {
      const ByteView attributes = input.take(what & 0xfcu);
      datagram.insert(datagram.end(), attributes.begin(), attributes.end());
      datagram[3] = static_cast<std::uint8_t>(attributes.size());
    }
    if (what > 250) now += std::chrono::milliseconds(input.u16());
    const auto reply = responder.answer(datagram, victim, now);
    if (!reply) continue;
    ++replies;
    const auto header = stun::peek_header(datagram);
    require(header && header->message_class == stun::MessageClass::request, "a reply to what is no request");
    require(reply->size() <= 100, "a long reply");
  }
  const double seconds = std::chrono::duration<double>(now - start).count();
  require(replies <= StunResponder::kReplyBurst + StunResponder::kRepliesPerSecond * seconds + 1,
          "more replies than one source gets");
}
