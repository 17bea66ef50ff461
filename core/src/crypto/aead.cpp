#include "crypto/aead.hpp"

#include <sodium.h>

#include <array>
#include <cassert>
#include <limits>
#include <optional>

#include "crypto/aead_ipsec_mb.hpp"
#include "crypto/evp.hpp"

namespace causeway::crypto {
namespace {

const EVP_CIPHER* cipher_of(AeadAlgorithm algorithm) {
  return algorithm == AeadAlgorithm::aes_256_gcm ? evp::aes_256_gcm() : evp::chacha20_poly1305();
}

int length_of(std::size_t size) {
  assert(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(size);
}

using InitFunction = decltype(EVP_EncryptInit_ex2);

/// One of the two is made, by the implementation that was resolved.
struct Keyed {
  Keyed(AeadAlgorithm algorithm, const SymmetricKey& key, AeadImplementation implementation,
        InitFunction* init) {
    if (resolve(algorithm, implementation) == AeadImplementation::ipsec_mb) {
      gcm.emplace(key);
      return;
    }
    openssl.reset(EVP_CIPHER_CTX_new());
    evp::require(
        openssl && init(openssl.get(), cipher_of(algorithm), key.bytes.data(), nullptr, nullptr) == 1,
        "AEAD key");
  }
  evp::CipherContext openssl;
  std::optional<ipsec_mb::Gcm256> gcm;
};

}  // namespace

struct AeadSealer::Context : Keyed {
  using Keyed::Keyed;
};
struct AeadOpener::Context : Keyed {
  using Keyed::Keyed;
};

AeadSealer::AeadSealer(AeadAlgorithm algorithm, const SymmetricKey& key, AeadImplementation implementation)
    : context_(std::make_unique<Context>(algorithm, key, implementation, EVP_EncryptInit_ex2)) {}
AeadSealer::~AeadSealer() = default;
AeadSealer::AeadSealer(AeadSealer&&) noexcept = default;
AeadSealer& AeadSealer::operator=(AeadSealer&&) noexcept = default;

AeadImplementation AeadSealer::implementation() const {
  return context_->gcm ? AeadImplementation::ipsec_mb : AeadImplementation::openssl;
}

void AeadSealer::seal(const AeadNonce& nonce, ByteView associated, ByteView plaintext,
                      std::size_t padding_bytes, MutableByteView out) {
  static constexpr std::uint8_t kZeros[16]{};
  assert(padding_bytes < sizeof kZeros && out.size() >= plaintext.size() + padding_bytes + kAeadTagBytes);
  if (context_->gcm) return context_->gcm->seal(nonce, associated, plaintext, padding_bytes, out.data());
  auto* context = context_->openssl.get();
  std::uint8_t* at = out.data();
  int written = 0;
  bool ok = EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1;
  if (!associated.empty()) {
    ok = ok &&
         EVP_EncryptUpdate(context, nullptr, &written, associated.data(), length_of(associated.size())) == 1;
  }
  if (!plaintext.empty()) {
    ok = ok && EVP_EncryptUpdate(context, at, &written, plaintext.data(), length_of(plaintext.size())) == 1;
    at += plaintext.size();
  }
  if (padding_bytes != 0) {
    ok = ok && EVP_EncryptUpdate(context, at, &written, kZeros, length_of(padding_bytes)) == 1;
    at += padding_bytes;
  }
  ok = ok && EVP_EncryptFinal_ex(context, at, &written) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, at) == 1;
  evp::require(ok, "AEAD seal");
}

AeadOpener::AeadOpener(AeadAlgorithm algorithm, const SymmetricKey& key, AeadImplementation implementation)
    : context_(std::make_unique<Context>(algorithm, key, implementation, EVP_DecryptInit_ex2)) {}
AeadOpener::~AeadOpener() = default;
AeadOpener::AeadOpener(AeadOpener&&) noexcept = default;
AeadOpener& AeadOpener::operator=(AeadOpener&&) noexcept = default;

AeadImplementation AeadOpener::implementation() const {
  return context_->gcm ? AeadImplementation::ipsec_mb : AeadImplementation::openssl;
}

bool AeadOpener::open(const AeadNonce& nonce, ByteView associated, ByteView sealed, MutableByteView out) {
  if (sealed.size() < kAeadTagBytes) return false;
  const std::size_t length = sealed.size() - kAeadTagBytes;
  assert(out.size() >= length);
  if (context_->gcm) return context_->gcm->open(nonce, associated, sealed, out.data());
  auto* context = context_->openssl.get();
  // Copied: OpenSSL wants it writable, and opening in place must not race with its own input.
  std::array<std::uint8_t, kAeadTagBytes> tag;
  std::copy_n(sealed.data() + length, kAeadTagBytes, tag.begin());
  int written = 0;
  bool ok = EVP_DecryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr) == 1;
  ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1;
  if (!associated.empty()) {
    ok = ok &&
         EVP_DecryptUpdate(context, nullptr, &written, associated.data(), length_of(associated.size())) == 1;
  }
  evp::require(ok, "AEAD open");
  if (length != 0 &&
      EVP_DecryptUpdate(context, out.data(), &written, sealed.data(), length_of(length)) != 1) {
    return false;
  }
  return EVP_DecryptFinal_ex(context, out.data() + length, &written) == 1;
}

void xchacha20_poly1305_seal(const SymmetricKey& key, const XNonce& nonce, ByteView associated,
                             ByteView plaintext, MutableByteView out) {
  static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == kXNonceBytes);
  assert(out.size() >= plaintext.size() + kAeadTagBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                             associated.data(), associated.size(), nullptr, nonce.data(),
                                             key.bytes.data());
}

bool xchacha20_poly1305_open(const SymmetricKey& key, const XNonce& nonce, ByteView associated,
                             ByteView sealed, MutableByteView out) {
  if (sealed.size() < kAeadTagBytes) return false;
  assert(out.size() >= sealed.size() - kAeadTagBytes);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                    sealed.size(), associated.data(), associated.size(),
                                                    nonce.data(), key.bytes.data()) == 0;
}

}  // namespace causeway::crypto
