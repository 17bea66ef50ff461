#include "session/keypair.hpp"

#include <set>
#include <string>
#include <vector>

#include "crypto/blake2s.hpp"
#include "input.hpp"

// One sender, one receiver, and a network that delivers, repeats, reorders, flips and makes up. Only what was
// sealed is opened, as it was, and once.
CAUSEWAY_FUZZ_TARGET(keypair) {
  session::KeypairMaterial material{.local_index = 1, .remote_index = 2, .is_initiator = true};
  // Keys that follow from the whole input: the engine learns true messages of other runs from compared bytes.
  material.send_key.bytes = crypto::blake2s({Input(input).rest()});
  material.receive_key.bytes.fill(4);
  session::KeypairMaterial mirrored{.local_index = 2, .remote_index = 1};
  mirrored.send_key = material.receive_key;
  mirrored.receive_key = material.send_key;
  session::Keypair sender(material), receiver(mirrored);
  SteadyTime now{};
  std::vector<Bytes> sent;
  std::set<std::string> opened_before;
  for (int step = 0; step < 64 && !input.is_empty(); ++step) {
    const std::uint8_t what = input.byte();
    Bytes message;
    if (what < 96 && sender.may_send(now)) {
      const ByteView plain = input.take(what);
      message.resize(session::Keypair::sealed_bytes(plain.size()));
      sender.seal(plain, message);
      sent.push_back(message);
      if ((what & 1) != 0) continue;  // kept for later
    } else if (what < 160 && !sent.empty()) {
      message = sent[input.below(sent.size())];
    } else if (what < 224 && !sent.empty()) {
      message = sent[input.below(sent.size())];
      message[input.byte() % message.size()] ^= input.byte();
      if ((what & 1) != 0) message.resize(input.byte());
    } else if (what < 250) {
      const ByteView raw = input.piece();
      message.assign(raw.begin(), raw.end());
    } else {
      now += std::chrono::seconds(input.byte());
      continue;
    }
    Bytes out(message.size() + 1);
    const auto opened = receiver.open(message, out, now);
    if (opened.error != session::OpenError::none) continue;
    require(opened.length <= message.size(), "more came out than went in");
    // The receiver index is not covered; it picked this keypair.
    Bytes same = message;
    require(!sent.empty(), "a message was opened before any was sealed");
    if (same.size() >= 8) std::copy_n(sent.front().begin(), 8, same.begin());
    require(std::find(sent.begin(), sent.end(), same) != sent.end(), "a forged message was opened");
    require(opened_before.emplace(as_text(same)).second, "a message was opened twice");
  }
}
