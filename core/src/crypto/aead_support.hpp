#pragma once

#include <cstdint>
#include <string_view>

/// Which code seals: what this machine and this build have, and what was chosen among it.
namespace causeway::crypto {

enum class AeadAlgorithm : std::uint8_t { chacha20_poly1305, aes_256_gcm };

enum class AeadImplementation : std::uint8_t {
  automatic,  ///< the process's default, and unless that was set the fastest there is
  openssl,    ///< OpenSSL's EVP: has every algorithm
  ipsec_mb,   ///< libipsec-mb's direct calls: AES-256-GCM alone, on x86-64 with AES instructions
};

/// The processor has instructions both for AES and for GCM's multiplication. Without them AES-256-GCM is
/// slow, and in software not of constant time either.
bool aes_is_in_hardware();

/// This process can use it; always true of `automatic` and `openssl`.
bool is_available(AeadImplementation implementation);

/// What `automatic` means from here on, for objects made later. Set once at start, before other threads.
void set_default_aead_implementation(AeadImplementation implementation);

/// The code that an object made with these runs: never `automatic`; `openssl` where the wish can't be
/// granted.
AeadImplementation resolve(AeadAlgorithm algorithm, AeadImplementation wish = AeadImplementation::automatic);

/// "OpenSSL", "libipsec-mb", "automatic".
std::string_view aead_implementation_name(AeadImplementation implementation);
/// "ChaCha20-Poly1305", "AES-256-GCM".
std::string_view aead_algorithm_name(AeadAlgorithm algorithm);

}  // namespace causeway::crypto
