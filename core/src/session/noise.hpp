#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "crypto/blake2s.hpp"
#include "crypto/keys.hpp"

namespace causeway::session {

/// The symmetric half of Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (Noise specification §5.2): a chaining key,
/// into which each Diffie-Hellman result is mixed, and a hash of all that was sent. Copy it to try a message
/// that may be forged.
class SymmetricState {
 public:
  using ChainingKey = crypto::SecretBytes<struct ChainingTag>;

  /// State after the protocol name, a prologue and the responder's static key (IK's pre-message). WireGuard's
  /// prologue is kIdentifier.
  SymmetricState(ByteView prologue, const crypto::SessionPublicKey& responder);

  void mix_hash(ByteView data);
  void mix_key(ByteView secret);
  void mix_key_and_hash(ByteView preshared);

  /// With the key of the newest mix: each key seals exactly one thing in IKpsk2, so the nonce is always 0.
  /// `out` holds plaintext.size() + 16.
  void seal_and_hash(ByteView plaintext, MutableByteView out);
  /// `out` holds sealed.size() - 16. False: forged, throw this state away.
  [[nodiscard]] bool open_and_hash(ByteView sealed, MutableByteView out);

  /// The two transport keys: what the initiator sends with, and what the responder sends with.
  void split(crypto::SymmetricKey& from_initiator, crypto::SymmetricKey& from_responder) const;

  const crypto::Blake2sHash& hash() const { return hash_; }

 private:
  ChainingKey chaining_key_;
  crypto::Blake2sHash hash_{};
  crypto::SymmetricKey key_;
};

}  // namespace causeway::session
