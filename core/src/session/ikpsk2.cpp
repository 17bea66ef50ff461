#include "session/ikpsk2.hpp"

namespace causeway::session::ikpsk2 {
namespace {

bool mix_shared(SymmetricState& state, const crypto::SessionSecretKey& ours,
                const crypto::SessionPublicKey& theirs) {
  const auto shared = crypto::shared_secret(ours, theirs);
  if (!shared) return false;
  state.mix_key(shared->bytes);
  return true;
}

// Noise §9: with a preshared key in the pattern, an ephemeral key is mixed into the chaining key too.
void mix_ephemeral(SymmetricState& state, const crypto::SessionPublicKey& ephemeral) {
  state.mix_hash(ephemeral.bytes);
  state.mix_key(ephemeral.bytes);
}

}  // namespace

std::optional<SymmetricState> write_message1(ByteView prologue, const LocalKeys& local,
                                             const crypto::SessionPublicKey& responder,
                                             const crypto::SessionKeys& ephemeral, ByteView payload,
                                             MutableByteView sealed_static, MutableByteView sealed_payload) {
  SymmetricState state{prologue, responder};
  mix_ephemeral(state, ephemeral.public_key);
  if (!mix_shared(state, ephemeral.secret, responder)) return std::nullopt;  // es
  state.seal_and_hash(local.public_key.bytes, sealed_static);                // s
  if (!mix_shared(state, local.secret, responder)) return std::nullopt;      // ss
  state.seal_and_hash(payload, sealed_payload);
  return state;
}

std::optional<Message1> read_message1(ByteView prologue, const LocalKeys& local,
                                      const crypto::SessionPublicKey& ephemeral, ByteView sealed_static,
                                      ByteView sealed_payload, MutableByteView payload) {
  SymmetricState state{prologue, local.public_key};
  mix_ephemeral(state, ephemeral);
  if (!mix_shared(state, local.secret, ephemeral)) return std::nullopt;  // es
  crypto::SessionPublicKey initiator;
  if (!state.open_and_hash(sealed_static, initiator.bytes)) return std::nullopt;  // s
  if (!mix_shared(state, local.secret, initiator)) return std::nullopt;           // ss
  if (!state.open_and_hash(sealed_payload, payload)) return std::nullopt;
  return Message1{state, initiator};
}

std::optional<TransportKeys> write_message2(SymmetricState state, const crypto::SessionPublicKey& initiator,
                                            const crypto::SessionPublicKey& initiator_ephemeral,
                                            const crypto::SessionKeys& ephemeral,
                                            const crypto::PresharedKey& preshared, ByteView payload,
                                            MutableByteView sealed_payload) {
  mix_ephemeral(state, ephemeral.public_key);
  if (!mix_shared(state, ephemeral.secret, initiator_ephemeral)) return std::nullopt;  // ee
  if (!mix_shared(state, ephemeral.secret, initiator)) return std::nullopt;            // se
  state.mix_key_and_hash(preshared.bytes);
  state.seal_and_hash(payload, sealed_payload);
  TransportKeys keys;
  state.split(keys.from_initiator, keys.from_responder);
  return keys;
}

std::optional<TransportKeys> read_message2(SymmetricState state, const LocalKeys& local,
                                           const crypto::SessionKeys& own_ephemeral,
                                           const crypto::SessionPublicKey& ephemeral,
                                           const crypto::PresharedKey& preshared, ByteView sealed_payload,
                                           MutableByteView payload) {
  mix_ephemeral(state, ephemeral);
  if (!mix_shared(state, own_ephemeral.secret, ephemeral)) return std::nullopt;  // ee
  if (!mix_shared(state, local.secret, ephemeral)) return std::nullopt;          // se
  state.mix_key_and_hash(preshared.bytes);
  if (!state.open_and_hash(sealed_payload, payload)) return std::nullopt;
  TransportKeys keys;
  state.split(keys.from_initiator, keys.from_responder);
  return keys;
}

}  // namespace causeway::session::ikpsk2
