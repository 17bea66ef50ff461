#include "session/noise.hpp"

#include "crypto/aead.hpp"
#include "crypto/hkdf.hpp"

namespace causeway::session {
namespace {

constexpr std::string_view kProtocolName = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

/// Several 32-byte outputs of one HKDF call, wiped.
template <std::size_t N>
struct Derived {
  std::array<std::uint8_t, N * crypto::kKeyBytes> bytes;

  Derived(ByteView chaining_key, ByteView input) { crypto::hkdf_blake2s(chaining_key, input, {}, bytes); }
  Derived(const Derived&) = delete;
  Derived& operator=(const Derived&) = delete;
  ~Derived() { wipe(bytes); }

  void copy(std::size_t index, std::array<std::uint8_t, crypto::kKeyBytes>& to) const {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(index * crypto::kKeyBytes), to.size(),
                to.begin());
  }
};

}  // namespace

SymmetricState::SymmetricState(ByteView prologue, const crypto::SessionPublicKey& responder) {
  static const crypto::Blake2sHash kInitial = crypto::blake2s({as_bytes(kProtocolName)});
  hash_ = kInitial;
  chaining_key_.bytes = kInitial;
  mix_hash(prologue);
  mix_hash(responder.bytes);
}

void SymmetricState::mix_hash(ByteView data) { hash_ = crypto::blake2s({hash_, data}); }

void SymmetricState::mix_key(ByteView secret) {
  const Derived<2> derived{chaining_key_.bytes, secret};
  derived.copy(0, chaining_key_.bytes);
  derived.copy(1, key_.bytes);
}

void SymmetricState::mix_key_and_hash(ByteView preshared) {
  const Derived<3> derived{chaining_key_.bytes, preshared};
  derived.copy(0, chaining_key_.bytes);
  std::array<std::uint8_t, crypto::kKeyBytes> hashed;
  derived.copy(1, hashed);
  mix_hash(hashed);
  wipe(hashed);
  derived.copy(2, key_.bytes);
}

void SymmetricState::seal_and_hash(ByteView plaintext, MutableByteView out) {
  crypto::AeadSealer{crypto::AeadAlgorithm::chacha20_poly1305, key_}.seal(0, hash_, plaintext, 0, out);
  mix_hash(out.first(plaintext.size() + crypto::kAeadTagBytes));
}

bool SymmetricState::open_and_hash(ByteView sealed, MutableByteView out) {
  if (!crypto::AeadOpener{crypto::AeadAlgorithm::chacha20_poly1305, key_}.open(0, hash_, sealed, out))
    return false;
  mix_hash(sealed);
  return true;
}

void SymmetricState::split(crypto::SymmetricKey& from_initiator, crypto::SymmetricKey& from_responder) const {
  const Derived<2> derived{chaining_key_.bytes, {}};
  derived.copy(0, from_initiator.bytes);
  derived.copy(1, from_responder.bytes);
}

}  // namespace causeway::session
