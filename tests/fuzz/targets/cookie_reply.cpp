#include "base/random.hpp"
#include "input.hpp"
#include "session/cookie.hpp"
#include "session/wire.hpp"
#include "support/session_end.hpp"

// A hostile cookie reply to a message that was sent: only the true one, unflipped, is believed, and once.
CAUSEWAY_FUZZ_TARGET(cookie_reply) {
  static SeededRandom random(2);
  static const session::LocalKeys keys = session::testing::make_keys(random);
  static session::MacChecker checker(keys.public_key, random);
  const Now now{SteadyTime{std::chrono::seconds(1000)}, WallTime{std::chrono::seconds(1'700'000'000)}};
  session::MacWriter writer(keys.public_key);
  Bytes message(session::wire::kInitiationBytes);
  message[0] = 1;
  message[9] = input.byte();
  writer.write_macs(message, now.steady);
  const bool is_raw = input.flag();
  Bytes reply = checker.make_cookie_reply(message, {}, now);
  const Bytes truth = reply;
  if (is_raw) {
    const ByteView rest = input.rest();
    reply.assign(rest.begin(), rest.end());
  } else {
    const std::size_t at = input.below(reply.size());
    reply[at] ^= input.byte();
  }
  // The receiver index is not covered: it was judged by whoever routed the reply here.
  bool is_true = reply.size() == truth.size();
  for (std::size_t i = 0; is_true && i < truth.size(); ++i)
    is_true = (i >= 4 && i < 8) || reply[i] == truth[i];
  require(writer.consume_reply(reply, now.steady) == is_true,
          "a forged cookie reply is believed, or a true one is not");
  require(writer.consume_reply(truth, now.steady) != is_true, "a message takes exactly one true reply");
}
