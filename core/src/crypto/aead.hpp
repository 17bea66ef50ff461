#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "crypto/aead_support.hpp"
#include "crypto/keys.hpp"

namespace causeway::crypto {

inline constexpr std::size_t kAeadTagBytes = 16;
using AeadNonce = std::array<std::uint8_t, 12>;

/// 4 zero bytes and the 64-bit little-endian counter: WireGuard's nonce for ChaCha20-Poly1305, ours for
/// AES-GCM.
inline AeadNonce nonce_of(std::uint64_t counter) {
  AeadNonce nonce{};
  for (std::size_t i = 0; i < 8; ++i)
    nonce[4 + i] = static_cast<std::uint8_t>(counter >> 8 * i);
  return nonce;
}

/// One direction's AEAD: the key schedule is made once, a packet only sets the nonce. Allocates nothing after
/// construction, and wipes its keys when it dies. One thread at a time.
class AeadSealer {
 public:
  AeadSealer(AeadAlgorithm algorithm, const SymmetricKey& key,
             AeadImplementation implementation = AeadImplementation::automatic);
  ~AeadSealer();
  AeadSealer(AeadSealer&&) noexcept;
  AeadSealer& operator=(AeadSealer&&) noexcept;

  /// Writes plaintext.size() + padding_bytes of ciphertext and the tag; the padding is zeros. `out` holds
  /// that much and either begins at plaintext.data() or does not overlap it. A counter must never come twice.
  void seal(std::uint64_t counter, ByteView associated, ByteView plaintext, std::size_t padding_bytes,
            MutableByteView out) {
    seal(nonce_of(counter), associated, plaintext, padding_bytes, out);
  }
  void seal(const AeadNonce& nonce, ByteView associated, ByteView plaintext, std::size_t padding_bytes,
            MutableByteView out);
  /// What it was resolved to at construction.
  AeadImplementation implementation() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

class AeadOpener {
 public:
  AeadOpener(AeadAlgorithm algorithm, const SymmetricKey& key,
             AeadImplementation implementation = AeadImplementation::automatic);
  ~AeadOpener();
  AeadOpener(AeadOpener&&) noexcept;
  AeadOpener& operator=(AeadOpener&&) noexcept;

  /// `sealed` is ciphertext and tag. Writes sealed.size() - kAeadTagBytes bytes; `out` may begin at
  /// sealed.data(). False when it was not sealed with this key, counter and associated data: `out` then holds
  /// garbage.
  bool open(std::uint64_t counter, ByteView associated, ByteView sealed, MutableByteView out) {
    return open(nonce_of(counter), associated, sealed, out);
  }
  bool open(const AeadNonce& nonce, ByteView associated, ByteView sealed, MutableByteView out);
  AeadImplementation implementation() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

inline constexpr std::size_t kXNonceBytes = 24;
using XNonce = std::array<std::uint8_t, kXNonceBytes>;

/// XChaCha20-Poly1305 by libsodium, for cookie replies: `out` holds plaintext.size() + kAeadTagBytes.
void xchacha20_poly1305_seal(const SymmetricKey& key, const XNonce& nonce, ByteView associated,
                             ByteView plaintext, MutableByteView out);
bool xchacha20_poly1305_open(const SymmetricKey& key, const XNonce& nonce, ByteView associated,
                             ByteView sealed, MutableByteView out);

}  // namespace causeway::crypto
