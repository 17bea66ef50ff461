#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "crypto/aead.hpp"
#include "crypto/keys.hpp"

/// AES-256-GCM by libipsec-mb's direct calls, each of which seals or opens one message: no job queue. For the
/// sources of this folder. A build without the library has these functions too, and nothing available.
namespace causeway::crypto::ipsec_mb {

/// The library is in this build, and the processor has AES and PCLMULQDQ.
bool is_available();

/// The expanded key and GCM's powers of the hash key; wiped when it dies. May be used by several threads: it
/// only changes at construction. Make one only if is_available().
class Gcm256 {
 public:
  explicit Gcm256(const SymmetricKey& key);
  ~Gcm256();
  Gcm256(const Gcm256&) = delete;
  Gcm256& operator=(const Gcm256&) = delete;

  /// As AeadSealer::seal().
  void seal(const AeadNonce& nonce, ByteView associated, ByteView plaintext, std::size_t padding_bytes,
            std::uint8_t* out) const;
  /// As AeadOpener::open(); `sealed` holds a tag at least.
  bool open(const AeadNonce& nonce, ByteView associated, ByteView sealed, std::uint8_t* out) const;

 private:
  struct KeyData;
  std::unique_ptr<KeyData> key_;
};

}  // namespace causeway::crypto::ipsec_mb
