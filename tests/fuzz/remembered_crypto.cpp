// Dear functions of libsodium and OpenSSL, remembered: a fuzz target with the same actors in every run asks
// for the same Diffie-Hellman results, derived keys and signatures again and again. The results are the
// libraries' own; only how long they take changes. Linked into the libFuzzer programs alone, where these
// definitions come before the libraries'.

#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// What is remembered says nothing about the code under test: it must not count as new edges, nor may keys get
// into the engine's table of compared bytes.
#if defined(__clang__)
#define UNCOUNTED __attribute__((no_sanitize("coverage", "address", "undefined")))
#else
#define UNCOUNTED
#endif

namespace {

constexpr std::size_t kMostAsked = 1024;

UNCOUNTED void copy(unsigned char* to, const unsigned char* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    to[i] = from[i];
}

UNCOUNTED bool is_same(const char* a, const char* b) {
  while (*a != 0 && *a == *b)
    ++a, ++b;
  return *a == *b;
}

/// One function's question: its inputs, one behind the other.
struct Question {
  unsigned char bytes[kMostAsked];
  std::size_t size = 0;

  UNCOUNTED bool add(const unsigned char* part, std::size_t part_bytes) {
    if (part_bytes > kMostAsked - size) return false;
    copy(bytes + size, part, part_bytes);
    size += part_bytes;
    return true;
  }
  UNCOUNTED std::uint64_t hash() const {
    std::uint64_t made = 0xcbf29ce484222325u ^ size;
    for (std::size_t i = 0; i < size; i += 8) {
      std::uint64_t word = 0;
      for (std::size_t k = 0; k < 8 && i + k < size; ++k)
        word |= std::uint64_t{bytes[i + k]} << 8 * k;
      made = (made ^ word) * 0x9e3779b97f4a7c15u;
      made ^= made >> 29;
    }
    return made;
  }
};

/// A slot per hash; what comes later replaces what was there. The whole question is compared.
template <std::size_t kQuestionBytes, std::size_t kAnswerBytes, std::size_t kSlots>
class Memory {
 public:
  struct Entry {
    std::size_t size = 0;  ///< of the question; 0: nothing here
    int result = 0;
    unsigned char question[kQuestionBytes];
    unsigned char answer[kAnswerBytes];
  };
  UNCOUNTED Entry& entry(const Question& question) { return entries_[question.hash() % kSlots]; }
  UNCOUNTED static bool is_for(const Entry& entry, const Question& question) {
    if (entry.size != question.size || question.size == 0) return false;
    for (std::size_t i = 0; i < question.size; ++i) {
      if (entry.question[i] != question.bytes[i]) return false;
    }
    return true;
  }
  UNCOUNTED static void keep(Entry& entry, const Question& question, int result,
                             const unsigned char* answer) {
    entry.size = question.size;
    entry.result = result;
    copy(entry.question, question.bytes, question.size);
    copy(entry.answer, answer, kAnswerBytes);
  }

 private:
  Entry entries_[kSlots];
};

template <class Function>
UNCOUNTED Function* real(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "there is no %s\n", name);
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

}  // namespace

extern "C" {

UNCOUNTED int crypto_scalarmult(unsigned char* out, const unsigned char* secret, const unsigned char* point) {
  static auto* const compute = real<decltype(crypto_scalarmult)>("crypto_scalarmult");
  static auto* const memory = new Memory<64, 32, 32768>;
  Question question;
  question.add(secret, 32);
  question.add(point, 32);
  auto& entry = memory->entry(question);
  if (!memory->is_for(entry, question)) {
    const int result = compute(out, secret, point);
    memory->keep(entry, question, result, out);
    return result;
  }
  copy(out, entry.answer, 32);
  return entry.result;
}

UNCOUNTED int crypto_scalarmult_base(unsigned char* out, const unsigned char* secret) {
  static auto* const compute = real<decltype(crypto_scalarmult_base)>("crypto_scalarmult_base");
  static auto* const memory = new Memory<32, 32, 4096>;
  Question question;
  question.add(secret, 32);
  auto& entry = memory->entry(question);
  if (!memory->is_for(entry, question)) {
    const int result = compute(out, secret);
    memory->keep(entry, question, result, out);
    return result;
  }
  copy(out, entry.answer, 32);
  return entry.result;
}

UNCOUNTED int crypto_sign_seed_keypair(unsigned char* public_key, unsigned char* secret,
                                       const unsigned char* seed) {
  static auto* const compute = real<decltype(crypto_sign_seed_keypair)>("crypto_sign_seed_keypair");
  static auto* const memory = new Memory<32, 96, 256>;
  Question question;
  question.add(seed, 32);
  auto& entry = memory->entry(question);
  if (!memory->is_for(entry, question)) {
    const int result = compute(public_key, secret, seed);
    unsigned char both[96];
    copy(both, public_key, 32);
    copy(both + 32, secret, 64);
    memory->keep(entry, question, result, both);
    return result;
  }
  copy(public_key, entry.answer, 32);
  copy(secret, entry.answer + 32, 64);
  return entry.result;
}

UNCOUNTED int crypto_sign_detached(unsigned char* signature, unsigned long long* signature_bytes,
                                   const unsigned char* message, unsigned long long message_bytes,
                                   const unsigned char* secret) {
  static auto* const compute = real<decltype(crypto_sign_detached)>("crypto_sign_detached");
  static auto* const memory = new Memory<kMostAsked, 64, 4096>;
  Question question;
  if (!question.add(secret, 64) || !question.add(message, message_bytes)) {
    return compute(signature, signature_bytes, message, message_bytes, secret);
  }
  auto& entry = memory->entry(question);
  if (!memory->is_for(entry, question)) {
    const int result = compute(signature, signature_bytes, message, message_bytes, secret);
    memory->keep(entry, question, result, signature);
    return result;
  }
  copy(signature, entry.answer, 64);
  if (signature_bytes != nullptr) *signature_bytes = 64;
  return entry.result;
}

UNCOUNTED int crypto_sign_verify_detached(const unsigned char* signature, const unsigned char* message,
                                          unsigned long long message_bytes, const unsigned char* public_key) {
  static auto* const compute = real<decltype(crypto_sign_verify_detached)>("crypto_sign_verify_detached");
  static auto* const memory = new Memory<kMostAsked, 1, 4096>;
  Question question;
  if (!question.add(public_key, 32) || !question.add(signature, 64) ||
      !question.add(message, message_bytes)) {
    return compute(signature, message, message_bytes, public_key);
  }
  auto& entry = memory->entry(question);
  if (!memory->is_for(entry, question)) {
    const unsigned char nothing = 0;
    memory->keep(entry, question, compute(signature, message, message_bytes, public_key), &nothing);
  }
  return entry.result;
}

/// Only with all that HKDF depends on in `parameters`: a context may have been told some before.
UNCOUNTED int EVP_KDF_derive(EVP_KDF_CTX* context, unsigned char* key, std::size_t key_bytes,
                             const OSSL_PARAM parameters[]) {
  static auto* const compute = real<decltype(EVP_KDF_derive)>("EVP_KDF_derive");
  constexpr std::size_t kMostKeyBytes = 96;
  static auto* const memory = new Memory<kMostAsked, kMostKeyBytes, 8192>;
  constexpr const char* kNames[] = {OSSL_KDF_PARAM_DIGEST, OSSL_KDF_PARAM_KEY, OSSL_KDF_PARAM_SALT,
                                    OSSL_KDF_PARAM_INFO};
  Question question;
  bool is_whole = key_bytes <= kMostKeyBytes && parameters != nullptr;
  const auto length = static_cast<unsigned char>(key_bytes);
  is_whole = is_whole && question.add(&length, 1);
  std::size_t count = 0;
  for (; is_whole && parameters[count].key != nullptr; ++count) {
    const OSSL_PARAM& parameter = parameters[count];
    const auto size = static_cast<unsigned char>(parameter.data_size);
    is_whole = count < 4 && is_same(parameter.key, kNames[count]) && parameter.data_size < 256 &&
               question.add(&size, 1) &&
               question.add(static_cast<const unsigned char*>(parameter.data), parameter.data_size);
  }
  if (!is_whole || count != 4) return compute(context, key, key_bytes, parameters);
  auto& entry = memory->entry(question);
  if (!memory->is_for(entry, question)) {
    const int result = compute(context, key, key_bytes, parameters);
    unsigned char answer[kMostKeyBytes] = {};
    copy(answer, key, key_bytes);
    memory->keep(entry, question, result, answer);
    return result;
  }
  copy(key, entry.answer, key_bytes);
  return entry.result;
}

}  // extern "C"
