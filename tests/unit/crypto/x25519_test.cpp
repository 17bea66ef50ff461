#include "crypto/x25519.hpp"

#include <gtest/gtest.h>

namespace causeway::crypto {
namespace {

SessionSecretKey secret(const char* hex) {
  return SessionSecretKey::from_bytes(from_hex(hex).value()).value();
}
SessionPublicKey point(const char* hex) {
  return SessionPublicKey::from_bytes(from_hex(hex).value()).value();
}

TEST(X25519, PublishedScalarMultiplications) {  // RFC 7748 §5.2
  EXPECT_EQ(to_hex(shared_secret(secret("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                                 point("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
                       ->bytes),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(to_hex(shared_secret(secret("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                                 point("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))
                       ->bytes),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST(X25519, PublishedKeyAgreement) {  // RFC 7748 §6.1
  const auto alice = secret("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const auto bob = secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const auto alice_public = point("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const auto bob_public = point("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  EXPECT_EQ(derive_public(alice), alice_public);
  EXPECT_EQ(derive_public(bob), bob_public);
  const char* shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  EXPECT_EQ(to_hex(shared_secret(alice, bob_public)->bytes), shared);
  EXPECT_EQ(to_hex(shared_secret(bob, alice_public)->bytes), shared);
}

TEST(X25519, RefusesPointsOfSmallOrder) {
  SeededRandom random(1);
  const auto keys = generate_session_keys(random);
  // Orders 1, 2, 4 and 8, and p, p-1, p+1 (the same points spelt otherwise).
  for (const char* bad : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_FALSE(shared_secret(keys.secret, point(bad))) << bad;
  }
}

TEST(X25519, GeneratedKeysAreClampedAndAgree) {
  SeededRandom random(2);
  const auto a = generate_session_keys(random), b = generate_session_keys(random);
  EXPECT_EQ(a.secret.bytes[0] & 7, 0);
  EXPECT_EQ(a.secret.bytes[31] & 0xc0, 0x40);
  EXPECT_NE(a.public_key, b.public_key);
  EXPECT_EQ(shared_secret(a.secret, b.public_key)->bytes, shared_secret(b.secret, a.public_key)->bytes);
}

}  // namespace
}  // namespace causeway::crypto
