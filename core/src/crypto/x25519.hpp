#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "crypto/keys.hpp"

/// X25519 (RFC 7748) by libsodium: session keys and the ephemeral keys of handshakes. Any thread.
namespace causeway::crypto {

struct SessionKeys {
  SessionSecretKey secret;
  SessionPublicKey public_key;
};

/// The secret is clamped, as `wg genkey` writes it.
SessionKeys generate_session_keys(RandomSource& random);
SessionPublicKey derive_public(const SessionSecretKey& secret);

/// The raw Diffie-Hellman result: key material, never a key by itself (crypto/hkdf.hpp).
using SharedSecret = SecretBytes<struct SharedTag>;
/// nullopt when the result is all zero: `theirs` is a point of small order and contributes nothing (RFC 7748
/// §6.1).
std::optional<SharedSecret> shared_secret(const SessionSecretKey& ours, const SessionPublicKey& theirs);

}  // namespace causeway::crypto
