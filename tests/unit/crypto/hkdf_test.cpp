#include "crypto/hkdf.hpp"

#include <gtest/gtest.h>

#include <array>

namespace causeway::crypto {
namespace {

Bytes derive(ByteView salt, ByteView key, std::string_view info, std::size_t length) {
  Bytes out(length);
  hkdf_blake2s(salt, key, info, out);
  return out;
}

// There is no published vector for BLAKE2s: made with Python's cryptography (HKDF, BLAKE2s-256).
TEST(Hkdf, AgreesWithAnIndependentImplementation) {
  const Bytes salt(13, 7), key(22, 0x0b);
  EXPECT_EQ(to_hex(derive(salt, key, "causeway test", 80)),
            "c17cef0887820d09a8cb503068f0951ccd9a74b8bd29e715ab3a6829afd2aba861fa0b8d1dd2d39251e787b5b5d74bc7"
            "e63cc3dddc70f573db23e2323942f082dd4723537aab21b7343728268034ba72");
  EXPECT_EQ(to_hex(derive({}, key, "", 32)),
            "064c0f0b9d9148a2e5ac797e5ef23d1b39b422f1ec37b57b45065ff2b6075271");
  EXPECT_EQ(to_hex(derive(salt, {}, "", 64)),
            "4c39692ee6931b557b4bb158e0fb60f97b2e4015da68b061d559737fa66ff3a73dc94d719ed27a50d6240dd9960b3a47"
            "976d492b6262fe5104ad0217eaaef1a1");
}

TEST(Hkdf, EveryArgumentCounts) {
  const Bytes salt(32, 1), key(32, 2);
  const auto base = derive(salt, key, "a", 32);
  EXPECT_NE(base, derive({}, key, "a", 32));
  EXPECT_NE(base, derive(salt, salt, "a", 32));
  EXPECT_NE(base, derive(salt, key, "b", 32));
  const auto longer = derive(salt, key, "a", 64);
  EXPECT_EQ(base, Bytes(longer.begin(), longer.begin() + 32));
}

TEST(Hkdf, WithoutSaltIsTheShortForm) {
  const Bytes key(32, 2);
  Bytes out(48);
  hkdf_blake2s(key, "purpose", out);
  EXPECT_EQ(out, derive({}, key, "purpose", 48));
}

}  // namespace
}  // namespace causeway::crypto
