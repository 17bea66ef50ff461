#include "crypto/evp.hpp"

#include <cstdlib>

#include "base/log.hpp"

namespace causeway::crypto::evp {
namespace {

template <class T>
T* fetched(T* object, const char* name) {
  require(object != nullptr, name);
  return object;
}

}  // namespace

void require(bool succeeded, const char* what) {
  if (succeeded) return;
  log::error("crypto", "OpenSSL failed: {}", what);
  std::abort();
}

// Never freed: threads may still hash while the process ends.
const EVP_MD* blake2s_digest() {
  static EVP_MD* const digest = fetched(EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr), "BLAKE2S-256");
  return digest;
}

EVP_MAC* blake2s_mac() {
  static EVP_MAC* const mac = fetched(EVP_MAC_fetch(nullptr, "BLAKE2SMAC", nullptr), "BLAKE2SMAC");
  return mac;
}

EVP_KDF* hkdf() {
  static EVP_KDF* const kdf = fetched(EVP_KDF_fetch(nullptr, "HKDF", nullptr), "HKDF");
  return kdf;
}

const EVP_CIPHER* chacha20_poly1305() {
  static EVP_CIPHER* const cipher =
      fetched(EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr), "ChaCha20-Poly1305");
  return cipher;
}

const EVP_CIPHER* aes_256_gcm() {
  static EVP_CIPHER* const cipher = fetched(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), "AES-256-GCM");
  return cipher;
}

}  // namespace causeway::crypto::evp
