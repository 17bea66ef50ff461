#pragma once

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

/// OpenSSL's algorithm objects, fetched once per process (a fetch costs more than a short hash), and owners
/// for its contexts. For the sources of this folder. A missing algorithm means a broken OpenSSL: the process
/// ends.
namespace causeway::crypto::evp {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter<EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Deleter<EVP_MAC_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Deleter<EVP_KDF_CTX_free>>;

const EVP_MD* blake2s_digest();
EVP_MAC* blake2s_mac();
EVP_KDF* hkdf();
const EVP_CIPHER* chacha20_poly1305();
const EVP_CIPHER* aes_256_gcm();

/// Ends the process unless `succeeded`: for calls that fail only when memory or OpenSSL itself is broken,
/// where going on would mean sealing with garbage.
void require(bool succeeded, const char* what);

}  // namespace causeway::crypto::evp
