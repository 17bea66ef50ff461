#include "crypto/aead_support.hpp"

#include <atomic>

#include "crypto/aead_ipsec_mb.hpp"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__) || defined(__arm__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace causeway::crypto {
namespace {

std::atomic<AeadImplementation> chosen{AeadImplementation::automatic};

}  // namespace

bool aes_is_in_hardware() {
#if defined(__x86_64__) || defined(__i386__)
  constexpr unsigned kPclmulqdq = 1u << 1, kAesNi = 1u << 25;  // leaf 1, ECX
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kPclmulqdq) != 0 && (ecx & kAesNi) != 0;
#elif defined(__aarch64__)
  const unsigned long has = getauxval(AT_HWCAP);
  return (has & HWCAP_AES) != 0 && (has & HWCAP_PMULL) != 0;
#elif defined(__arm__)
  const unsigned long has = getauxval(AT_HWCAP2);
  return (has & HWCAP2_AES) != 0 && (has & HWCAP2_PMULL) != 0;
#else
  return false;
#endif
}

bool is_available(AeadImplementation implementation) {
  return implementation != AeadImplementation::ipsec_mb || ipsec_mb::is_available();
}

void set_default_aead_implementation(AeadImplementation implementation) {
  chosen.store(implementation, std::memory_order_relaxed);
}

AeadImplementation resolve(AeadAlgorithm algorithm, AeadImplementation wish) {
  if (wish == AeadImplementation::automatic) wish = chosen.load(std::memory_order_relaxed);
  if (algorithm == AeadAlgorithm::aes_256_gcm && wish != AeadImplementation::openssl &&
      ipsec_mb::is_available()) {
    return AeadImplementation::ipsec_mb;
  }
  return AeadImplementation::openssl;
}

std::string_view aead_implementation_name(AeadImplementation implementation) {
  switch (implementation) {
    case AeadImplementation::automatic:
      return "automatic";
    case AeadImplementation::openssl:
      return "OpenSSL";
    case AeadImplementation::ipsec_mb:
      return "libipsec-mb";
  }
  return "?";
}

std::string_view aead_algorithm_name(AeadAlgorithm algorithm) {
  switch (algorithm) {
    case AeadAlgorithm::chacha20_poly1305:
      return "ChaCha20-Poly1305";
    case AeadAlgorithm::aes_256_gcm:
      return "AES-256-GCM";
  }
  return "?";
}

}  // namespace causeway::crypto
