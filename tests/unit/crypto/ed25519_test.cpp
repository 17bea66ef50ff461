#include "crypto/ed25519.hpp"

#include <gtest/gtest.h>

namespace causeway::crypto {
namespace {

struct Vector {
  const char* secret;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032 §7.1, TEST 1 to 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0595b"
     "be24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "eb430"
     "2aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e"
     "9716e"
     "d28dc027beceea1ec40a"},
};

Bytes hex(const char* text) { return *text ? from_hex(text).value() : Bytes{}; }

TEST(Ed25519, PublishedVectors) {
  for (const auto& vector : kVectors) {
    const auto secret = IdentitySecretKey::from_bytes(hex(vector.secret)).value();
    const auto public_key = derive_public(secret);
    EXPECT_EQ(to_hex(public_key.bytes), vector.public_key);
    const auto signature = sign(secret, hex(vector.message));
    EXPECT_EQ(to_hex(signature), vector.signature);
    EXPECT_TRUE(verify(public_key, hex(vector.message), signature));
  }
}

TEST(Ed25519, RefusesEveryFlippedBit) {
  SeededRandom random(1);
  const auto keys = generate_identity(random);
  const Bytes message{1, 2, 3};
  const auto good = sign(keys.secret, message);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(verify(keys.public_key, message, bad)) << bit;
  }
  EXPECT_FALSE(verify(keys.public_key, Bytes{1, 2, 4}, good));
  EXPECT_FALSE(verify(generate_identity(random).public_key, message, good));
}

TEST(Ed25519, RefusesSignaturesOfAnotherLength) {
  SeededRandom random(1);
  const auto keys = generate_identity(random);
  const auto good = sign(keys.secret, {});
  EXPECT_FALSE(verify(keys.public_key, {}, {}));
  EXPECT_FALSE(verify(keys.public_key, {}, ByteView{good}.first(63)));
  Bytes longer(good.begin(), good.end());
  longer.push_back(0);
  EXPECT_FALSE(verify(keys.public_key, {}, longer));
}

TEST(Ed25519, RefusesAPublicKeyOfSmallOrder) {
  const IdentityPublicKey identity_point{{1}};
  Ed25519Signature signature{1};  // R = identity, S = 0: holds for any message under such a key
  EXPECT_FALSE(verify(identity_point, Bytes{9}, signature));
}

}  // namespace
}  // namespace causeway::crypto
