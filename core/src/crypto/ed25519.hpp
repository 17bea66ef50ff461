#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "crypto/keys.hpp"

/// Ed25519 (RFC 8032) by libsodium: node identities, node records, plugin signatures. Any thread.
namespace causeway::crypto {

inline constexpr std::size_t kEd25519SignatureBytes = 64;
using Ed25519Signature = std::array<std::uint8_t, kEd25519SignatureBytes>;

struct IdentityKeys {
  IdentitySecretKey secret;
  IdentityPublicKey public_key;
};

IdentityKeys generate_identity(RandomSource& random);
IdentityPublicKey derive_public(const IdentitySecretKey& secret);

Ed25519Signature sign(const IdentitySecretKey& secret, ByteView message);
/// False too for a signature of another length than 64 bytes, a non-canonical one, and a public key of small
/// order.
bool verify(const IdentityPublicKey& signer, ByteView message, ByteView signature);

}  // namespace causeway::crypto
