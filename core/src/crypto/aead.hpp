#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "crypto/keys.hpp"

namespace causeway::crypto {

enum class AeadAlgorithm : std::uint8_t { chacha20_poly1305, aes_256_gcm };

inline constexpr std::size_t kAeadTagBytes = 16;

/// One direction's AEAD by OpenSSL: the key schedule is made once, a packet only sets the nonce, which is 4
/// zero bytes and the 64-bit little-endian counter (WireGuard's for ChaCha20-Poly1305, ours for AES-GCM).
/// Allocates nothing after construction. One thread at a time.
class AeadSealer {
 public:
  AeadSealer(AeadAlgorithm algorithm, const SymmetricKey& key);
  ~AeadSealer();
  AeadSealer(AeadSealer&&) noexcept;
  AeadSealer& operator=(AeadSealer&&) noexcept;

  /// Writes plaintext.size() + padding_bytes of ciphertext and the tag; the padding is zeros. `out` holds
  /// that much and either begins at plaintext.data() or does not overlap it. A counter must never come twice.
  void seal(std::uint64_t counter, ByteView associated, ByteView plaintext, std::size_t padding_bytes,
            MutableByteView out);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

class AeadOpener {
 public:
  AeadOpener(AeadAlgorithm algorithm, const SymmetricKey& key);
  ~AeadOpener();
  AeadOpener(AeadOpener&&) noexcept;
  AeadOpener& operator=(AeadOpener&&) noexcept;

  /// `sealed` is ciphertext and tag. Writes sealed.size() - kAeadTagBytes bytes; `out` may begin at
  /// sealed.data(). False when it was not sealed with this key, counter and associated data: `out` then holds
  /// garbage.
  bool open(std::uint64_t counter, ByteView associated, ByteView sealed, MutableByteView out);

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
