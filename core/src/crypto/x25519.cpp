#include "crypto/x25519.hpp"

#include <sodium.h>

namespace causeway::crypto {

static_assert(crypto_scalarmult_BYTES == kKeyBytes && crypto_scalarmult_SCALARBYTES == kKeyBytes);

SessionKeys generate_session_keys(RandomSource& random) {
  SessionKeys keys;
  random.fill(keys.secret.bytes);
  keys.secret.bytes[0] &= 248;
  keys.secret.bytes[31] = static_cast<std::uint8_t>((keys.secret.bytes[31] & 127) | 64);
  keys.public_key = derive_public(keys.secret);
  return keys;
}

SessionPublicKey derive_public(const SessionSecretKey& secret) {
  SessionPublicKey made;
  crypto_scalarmult_base(made.bytes.data(), secret.bytes.data());
  return made;
}

std::optional<SharedSecret> shared_secret(const SessionSecretKey& ours, const SessionPublicKey& theirs) {
  std::optional<SharedSecret> made{std::in_place};
  // libsodium reports an all-zero result, and compares in constant time.
  if (crypto_scalarmult(made->bytes.data(), ours.bytes.data(), theirs.bytes.data()) != 0) made.reset();
  return made;
}

}  // namespace causeway::crypto
