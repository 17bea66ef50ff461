#include "crypto/blake2s.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "crypto/evp.hpp"

namespace causeway::crypto {

Blake2sHash blake2s(std::initializer_list<ByteView> parts) {
  const evp::DigestContext context{EVP_MD_CTX_new()};
  bool ok = context && EVP_DigestInit_ex2(context.get(), evp::blake2s_digest(), nullptr) == 1;
  for (const auto& part : parts)
    ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  Blake2sHash hash;
  ok = ok && EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1;
  evp::require(ok, "BLAKE2s");
  return hash;
}

Blake2sMac blake2s_mac16(ByteView key, std::initializer_list<ByteView> parts) {
  const evp::MacContext context{EVP_MAC_CTX_new(evp::blake2s_mac())};
  std::size_t size = kBlake2sMacBytes;
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                   OSSL_PARAM_construct_end()};
  bool ok = context && EVP_MAC_init(context.get(), key.data(), key.size(), parameters) == 1;
  for (const auto& part : parts)
    ok = ok && EVP_MAC_update(context.get(), part.data(), part.size()) == 1;
  Blake2sMac mac;
  std::size_t written = 0;
  ok = ok && EVP_MAC_final(context.get(), mac.data(), &written, mac.size()) == 1 && written == mac.size();
  evp::require(ok, "BLAKE2s MAC");
  return mac;
}

}  // namespace causeway::crypto
