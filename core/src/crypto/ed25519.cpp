#include "crypto/ed25519.hpp"

#include <sodium.h>

namespace causeway::crypto {
namespace {

static_assert(crypto_sign_SEEDBYTES == kKeyBytes && crypto_sign_PUBLICKEYBYTES == kKeyBytes);
static_assert(crypto_sign_BYTES == kEd25519SignatureBytes);

/// libsodium's own secret form: seed and public key, so that signing needs not derive the latter.
struct ExpandedKey {
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> bytes{};
  IdentityPublicKey public_key;

  explicit ExpandedKey(const IdentitySecretKey& seed) {
    crypto_sign_seed_keypair(public_key.bytes.data(), bytes.data(), seed.bytes.data());
  }
  ExpandedKey(const ExpandedKey&) = delete;
  ExpandedKey& operator=(const ExpandedKey&) = delete;
  ~ExpandedKey() { wipe(bytes); }
};

}  // namespace

IdentityKeys generate_identity(RandomSource& random) {
  IdentityKeys keys;
  random.fill(keys.secret.bytes);
  keys.public_key = derive_public(keys.secret);
  return keys;
}

IdentityPublicKey derive_public(const IdentitySecretKey& secret) { return ExpandedKey{secret}.public_key; }

Ed25519Signature sign(const IdentitySecretKey& secret, ByteView message) {
  const ExpandedKey key{secret};
  Ed25519Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), key.bytes.data());
  return signature;
}

bool verify(const IdentityPublicKey& signer, ByteView message, ByteView signature) {
  if (signature.size() != kEd25519SignatureBytes) return false;
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), signer.bytes.data()) ==
         0;
}

}  // namespace causeway::crypto
