#include "crypto/aead_ipsec_mb.hpp"

#include <cstdlib>
#include <cstring>

#ifdef CAUSEWAY_HAS_IPSEC_MB
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "crypto/aead_support.hpp"

namespace causeway::crypto::ipsec_mb {
namespace {

/// The calls for this processor. They stand alone: the manager (a few hundred KiB) only tells which they are.
struct Calls {
  aes_gcm_pre_t expand = nullptr;
  aes_gcm_enc_dec_t seal = nullptr, open = nullptr;
  aes_gcm_init_t begin = nullptr;
  aes_gcm_enc_dec_update_t seal_more = nullptr;
  aes_gcm_enc_dec_finalize_t finish = nullptr;
};

Calls choose() {
  Calls calls;
  if (!aes_is_in_hardware()) return calls;
  IMB_MGR* manager = alloc_mb_mgr(0);
  if (manager == nullptr) return calls;
  IMB_ARCH kind = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager, &kind);
  const bool is_sound = imb_get_errno(manager) == 0 && kind != IMB_ARCH_NONE && kind != IMB_ARCH_NOAESNI;
  if (is_sound) {
    calls = {manager->gcm256_pre,  manager->gcm256_enc,        manager->gcm256_dec,
             manager->gcm256_init, manager->gcm256_enc_update, manager->gcm256_enc_finalize};
  }
  free_mb_mgr(manager);
  return calls;
}

const Calls& calls() {
  static const Calls chosen = choose();
  return chosen;
}

/// Constant time. Bytewise loops over a tag cost 2 % of the daemon at full rate.
bool are_equal(const std::uint8_t* a, const std::uint8_t* b) {
  std::uint64_t left[2], right[2];
  std::memcpy(left, a, sizeof left);
  std::memcpy(right, b, sizeof right);
  return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

}  // namespace

struct Gcm256::KeyData {
  gcm_key_data data;
};

bool is_available() { return calls().seal != nullptr; }

Gcm256::Gcm256(const SymmetricKey& key) : key_(std::make_unique<KeyData>()) {
  calls().expand(key.bytes.data(), &key_->data);
}

Gcm256::~Gcm256() { OPENSSL_cleanse(&key_->data, sizeof key_->data); }

void Gcm256::seal(const AeadNonce& nonce, ByteView associated, ByteView plaintext, std::size_t padding_bytes,
                  std::uint8_t* out) const {
  gcm_context_data context;
  const auto& call = calls();
  std::uint8_t* tag = out + plaintext.size() + padding_bytes;
  if (padding_bytes == 0) {
    call.seal(&key_->data, &context, out, plaintext.data(), plaintext.size(), nonce.data(), associated.data(),
              associated.size(), tag, kAeadTagBytes);
    return;
  }
  static constexpr std::uint8_t kZeros[16]{};
  call.begin(&key_->data, &context, nonce.data(), associated.data(), associated.size());
  if (!plaintext.empty()) call.seal_more(&key_->data, &context, out, plaintext.data(), plaintext.size());
  call.seal_more(&key_->data, &context, out + plaintext.size(), kZeros, padding_bytes);
  call.finish(&key_->data, &context, tag, kAeadTagBytes);
}

bool Gcm256::open(const AeadNonce& nonce, ByteView associated, ByteView sealed, std::uint8_t* out) const {
  gcm_context_data context;
  const std::size_t length = sealed.size() - kAeadTagBytes;
  std::uint8_t tag[kAeadTagBytes];
  calls().open(&key_->data, &context, out, sealed.data(), length, nonce.data(), associated.data(),
               associated.size(), tag, kAeadTagBytes);
  return are_equal(tag, sealed.data() + length);
}

}  // namespace causeway::crypto::ipsec_mb

#else

namespace causeway::crypto::ipsec_mb {

struct Gcm256::KeyData {};

bool is_available() { return false; }

// Nobody who asked is_available() comes here.
Gcm256::Gcm256(const SymmetricKey&) { std::abort(); }
Gcm256::~Gcm256() = default;
void Gcm256::seal(const AeadNonce&, ByteView, ByteView, std::size_t, std::uint8_t*) const { std::abort(); }
bool Gcm256::open(const AeadNonce&, ByteView, ByteView, std::uint8_t*) const { std::abort(); }

}  // namespace causeway::crypto::ipsec_mb

#endif
