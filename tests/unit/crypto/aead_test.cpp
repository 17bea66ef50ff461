#include "crypto/aead.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace causeway::crypto {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }
SymmetricKey key(std::string_view text) { return SymmetricKey::from_bytes(hex(text)).value(); }

// RFC 8439 appendix A.5: its nonce has zeros first, so it is one of WireGuard's: the counter
// 0x0807060504030201.
TEST(Aead, PublishedChaCha20Poly1305) {
  AeadOpener opener{AeadAlgorithm::chacha20_poly1305,
                    key("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0")};
  const Bytes sealed =
      hex("64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bd"
          "b7b73c321b"
          "0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef"
          "61c186324e"
          "2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a0"
          "6c523eaf45"
          "34d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e"
          "466dae5a10"
          "73a6727627097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b"
          "eead9d6789"
          "0cbb22392336fea1851f38");
  const Bytes associated = hex("f33388860000000000004e91");
  Bytes plaintext(sealed.size() - kAeadTagBytes);
  ASSERT_TRUE(opener.open(0x0807060504030201, associated, sealed, plaintext));
  EXPECT_EQ(as_text(plaintext).substr(0, 15), "Internet-Drafts");
  AeadSealer sealer{AeadAlgorithm::chacha20_poly1305,
                    key("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0")};
  Bytes again(sealed.size());
  sealer.seal(0x0807060504030201, associated, plaintext, 0, again);
  EXPECT_EQ(again, sealed);
}

class AeadOfBothKinds : public testing::TestWithParam<AeadAlgorithm> {};

TEST_P(AeadOfBothKinds, SealsAndOpensEveryLengthInPlaceToo) {
  SeededRandom random(3);
  SymmetricKey secret;
  random.fill(secret.bytes);
  AeadSealer sealer{GetParam(), secret};
  AeadOpener opener{GetParam(), secret};
  for (std::size_t length = 0; length < 200; ++length) {
    Bytes plaintext(length), associated(length % 5), sealed(length + kAeadTagBytes);
    random.fill(plaintext);
    sealer.seal(length, associated, plaintext, 0, sealed);
    Bytes in_place(plaintext);
    in_place.resize(sealed.size());
    sealer.seal(length, associated, ByteView{in_place}.first(length), 0, in_place);
    ASSERT_EQ(in_place, sealed);
    Bytes opened(length);
    ASSERT_TRUE(opener.open(length, associated, sealed, opened));
    ASSERT_EQ(opened, plaintext);
    ASSERT_TRUE(opener.open(length, associated, in_place, in_place));
    in_place.resize(length);
    ASSERT_EQ(in_place, plaintext);
  }
}

TEST_P(AeadOfBothKinds, PadsWithZeros) {
  AeadSealer sealer{GetParam(), {}};
  AeadOpener opener{GetParam(), {}};
  Bytes sealed(16 + kAeadTagBytes), opened(16, 0xff);
  sealer.seal(9, {}, as_bytes("hello"), 11, sealed);
  ASSERT_TRUE(opener.open(9, {}, sealed, opened));
  EXPECT_EQ(to_hex(opened), "68656c6c6f0000000000000000000000");
}

TEST_P(AeadOfBothKinds, RefusesWhatWasChanged) {
  AeadSealer sealer{GetParam(), {}};
  AeadOpener opener{GetParam(), {}};
  Bytes sealed(20 + kAeadTagBytes), out(64);
  sealer.seal(1, as_bytes("ad"), Bytes(20, 5), 0, sealed);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes bad = sealed;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    ASSERT_FALSE(opener.open(1, as_bytes("ad"), bad, out)) << bit;
  }
  EXPECT_FALSE(opener.open(2, as_bytes("ad"), sealed, out));
  EXPECT_FALSE(opener.open(1, as_bytes("aD"), sealed, out));
  for (std::size_t length = 0; length < sealed.size(); ++length) {
    EXPECT_FALSE(opener.open(1, as_bytes("ad"), ByteView{sealed}.first(length), out));
  }
  EXPECT_TRUE(opener.open(1, as_bytes("ad"), sealed, out)) << "usable after refusals";
}

INSTANTIATE_TEST_SUITE_P(Algorithms, AeadOfBothKinds,
                         testing::Values(AeadAlgorithm::chacha20_poly1305, AeadAlgorithm::aes_256_gcm));

// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
TEST(Aead, PublishedXChaCha20Poly1305) {
  const auto secret = key("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  XNonce nonce;
  const Bytes raw = hex("404142434445464748494a4b4c4d4e4f5051525354555657");
  std::copy(raw.begin(), raw.end(), nonce.begin());
  const auto plaintext = as_bytes(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
      "would be "
      "it.");
  const Bytes associated = hex("50515253c0c1c2c3c4c5c6c7");
  Bytes sealed(plaintext.size() + kAeadTagBytes), opened(plaintext.size());
  xchacha20_poly1305_seal(secret, nonce, associated, plaintext, sealed);
  EXPECT_EQ(to_hex(ByteView{sealed}.first(16)), "bd6d179d3e83d43b9576579493c0e939");
  EXPECT_EQ(to_hex(ByteView{sealed}.last(16)), "c0875924c1c7987947deafd8780acf49");
  EXPECT_TRUE(xchacha20_poly1305_open(secret, nonce, associated, sealed, opened));
  EXPECT_EQ(as_text(opened), as_text(plaintext));
  sealed[0] ^= 1;
  EXPECT_FALSE(xchacha20_poly1305_open(secret, nonce, associated, sealed, opened));
  EXPECT_FALSE(xchacha20_poly1305_open(secret, nonce, associated, ByteView{sealed}.first(15), opened));
}

}  // namespace
}  // namespace causeway::crypto
