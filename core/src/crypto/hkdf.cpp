#include "crypto/hkdf.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <cassert>

#include "crypto/evp.hpp"

namespace causeway::crypto {
namespace {

// OpenSSL's parameters take void*, and read only. A null pointer would mean "not given", also for an empty
// input.
OSSL_PARAM octets(const char* name, const void* data, std::size_t size) {
  static char nothing[1];
  return OSSL_PARAM_construct_octet_string(name, size ? const_cast<void*>(data) : nothing, size);
}

}  // namespace

void hkdf_blake2s(ByteView key_material, std::string_view info, MutableByteView out) {
  hkdf_blake2s({}, key_material, info, out);
}

void hkdf_blake2s(ByteView salt, ByteView key_material, std::string_view info, MutableByteView out) {
  assert(!out.empty() && out.size() <= kHkdfMaximumBytes);
  const evp::KdfContext context{EVP_KDF_CTX_new(evp::hkdf())};
  char digest[] = "BLAKE2S-256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, key_material.data(), key_material.size()),
      octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  evp::require(context && EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1, "HKDF");
}

}  // namespace causeway::crypto
