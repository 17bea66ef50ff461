#include "base/random.hpp"
#include "crypto/blake2s.hpp"
#include "input.hpp"
#include "session/cookie.hpp"
#include "session/wire.hpp"

// A hostile cookie reply to a message that was sent: only the true one, unflipped, is believed, and once.
CAUSEWAY_FUZZ_TARGET(cookie_reply) {
  // A public key that follows from the whole input: the engine learns true replies of other runs from
  // compared bytes.
  const crypto::SessionPublicKey key{crypto::blake2s({Input(input).rest()})};
  SeededRandom random(2);
  session::MacChecker checker(key, random);
  const Now now{SteadyTime{std::chrono::seconds(1000)}, WallTime{std::chrono::seconds(1'700'000'000)}};
  session::MacWriter writer(key);
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
