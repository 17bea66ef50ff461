#include "session/keypair.hpp"

#include <cassert>

#include "crypto/aead.hpp"
#include "session/limits.hpp"
#include "session/replay_window.hpp"
#include "session/wire.hpp"

namespace causeway::session {

static_assert(kDataHeaderBytes == wire::kDataHeaderBytes && kTagBytes == crypto::kAeadTagBytes);

struct Keypair::Ciphers {
  crypto::AeadSealer sealer;
  crypto::AeadOpener opener;
};

struct Keypair::Window {
  ReplayWindow<8192> seen;
};

Keypair::Keypair(const KeypairMaterial& material)
    : local_index_(material.local_index),
      remote_index_(material.remote_index),
      is_initiator_(material.is_initiator),
      created_(material.created),
      ciphers_(std::make_unique<Ciphers>(
          Ciphers{crypto::AeadSealer{crypto::AeadAlgorithm::chacha20_poly1305, material.send_key},
                  crypto::AeadOpener{crypto::AeadAlgorithm::chacha20_poly1305, material.receive_key}})),
      window_(std::make_unique<Window>()) {}

Keypair::~Keypair() = default;

bool Keypair::may_send(SteadyTime now) const {
  return now - created_ < kRejectAfterTime && send_counter_ < kRejectAfterMessages;
}

// Only the initiator asks for a new session by time, so that both ends don't at once (whitepaper §6.2).
bool Keypair::wants_rekey_after_send(SteadyTime now) const {
  return send_counter_ >= kRekeyAfterMessages || (is_initiator_ && now - created_ >= kRekeyAfterTime);
}

// Who only receives notices in time that a keepalive of his would soon find no key to be sealed with.
bool Keypair::wants_rekey_after_receive(SteadyTime now) const {
  return is_initiator_ && now - created_ >= kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout;
}

std::size_t Keypair::seal(ByteView plaintext, MutableByteView out) {
  const std::size_t total = sealed_bytes(plaintext.size());
  assert(out.size() >= total && send_counter_ < kRejectAfterMessages);
  const std::uint64_t counter = send_counter_++;
  wire::write({remote_index_, counter}, out);
  const std::size_t padding = total - kDataOverheadBytes - plaintext.size();
  ciphers_->sealer.seal(counter, {}, plaintext, padding, out.subspan(kDataHeaderBytes));
  return total;
}

Opened Keypair::open(ByteView message, MutableByteView out, SteadyTime now) {
  const auto header = wire::parse_data_header(message);
  if (!header || header->receiver_index != local_index_) return {OpenError::malformed, 0};
  if (now - created_ >= kRejectAfterTime || header->counter >= kRejectAfterMessages) {
    return {OpenError::key_expired, 0};
  }
  // Asked first, as it is cheaper than opening; it tells nothing that a sender of forged counters could use.
  if (!window_->seen.may_accept(header->counter)) return {OpenError::replayed, 0};
  const ByteView sealed = message.subspan(kDataHeaderBytes);
  if (!ciphers_->opener.open(header->counter, {}, sealed, out)) return {OpenError::bad_tag, 0};
  window_->seen.accept(header->counter);
  return {OpenError::none, sealed.size() - kTagBytes};
}

}  // namespace causeway::session
