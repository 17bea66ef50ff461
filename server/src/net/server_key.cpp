#include "server/src/net/server_key.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>

#include "base/bytes.hpp"
#include "server/src/core/secrets.hpp"

namespace causeway::server {
namespace {

template <class T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

constexpr long kCertificateSeconds = 20L * 366 * 86'400;

void require(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Key read_key(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

}  // namespace

std::string make_private_key() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  require(key != nullptr, "key generation");
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "key to PEM");
  return text_of(bio.get());
}

std::string make_certificate(const std::string& private_key_pem, const std::string& host) {
  const Key key = read_key(private_key_pem);
  require(key != nullptr, "reading the key");
  const Certificate certificate(X509_new());
  X509* x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  const std::unique_ptr<BIGNUM, Freed<BIGNUM, BN_free>> serial(BN_new());
  require(BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1, "serial");
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(x509));
  X509_gmtime_adj(X509_getm_notBefore(x509), -86'400);
  X509_gmtime_adj(X509_getm_notAfter(x509), kCertificateSeconds);
  X509_NAME* name = X509_get_subject_name(x509);
  // RFC 5280: a common name has at most 64 characters.
  const std::string shown = host.substr(0, 64);
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(shown.c_str()), -1, -1, 0) == 1,
          "name");
  X509_set_issuer_name(x509, name);
  require(X509_set_pubkey(x509, key.get()) == 1, "public key");
  require(X509_sign(x509, key.get(), EVP_sha256()) != 0, "signature");
  const Bio bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), x509) == 1, "certificate to PEM");
  return text_of(bio.get());
}

Result<protocol::KeyPin> pin_of(const std::string& private_key_pem) {
  const Key key = read_key(private_key_pem);
  if (!key) return Error{"not a private key in PEM"};
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  if (size <= 0) return Error{"not a usable private key"};
  const auto pin = sha256(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return pin;
}

}  // namespace causeway::server
