#include <gtest/gtest.h>

#include <vector>

#include "base/random.hpp"
#include "crypto/aead.hpp"
#include "support/allocation_count.hpp"

namespace causeway::crypto {
namespace {

using enum AeadAlgorithm;
using enum AeadImplementation;

Bytes hex(std::string_view text) { return from_hex(text).value(); }

struct Published {
  std::string_view what, key, nonce, plaintext, associated, sealed;
};

// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B, test cases 13 to 16.
constexpr Published kPublished[] = {
    {"13", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "",
     "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"14", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "00000000000000000000000000000000", "",
     "cea7403d4d606b6e074ec5d3baf39d18"
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"15", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"16", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

std::vector<AeadImplementation> available_here() {
  std::vector<AeadImplementation> available{openssl};
  if (is_available(ipsec_mb)) available.push_back(ipsec_mb);
  return available;
}

class AesGcm : public ::testing::TestWithParam<AeadImplementation> {};

TEST_P(AesGcm, SealsAndOpensThePublishedCases) {
  for (const auto& published : kPublished) {
    SCOPED_TRACE(published.what);
    const auto key = SymmetricKey::from_bytes(hex(published.key)).value();
    const Bytes plaintext = hex(published.plaintext), associated = hex(published.associated);
    AeadNonce nonce;
    const Bytes raw = hex(published.nonce);
    std::copy(raw.begin(), raw.end(), nonce.begin());
    AeadSealer sealer{aes_256_gcm, key, GetParam()};
    EXPECT_EQ(sealer.implementation(), GetParam());
    Bytes sealed(plaintext.size() + kAeadTagBytes), opened(plaintext.size());
    sealer.seal(nonce, associated, plaintext, 0, sealed);
    EXPECT_EQ(to_hex(sealed), published.sealed);
    AeadOpener opener{aes_256_gcm, key, GetParam()};
    EXPECT_EQ(opener.implementation(), GetParam());
    ASSERT_TRUE(opener.open(nonce, associated, sealed, opened));
    EXPECT_EQ(opened, plaintext);
  }
}

TEST_P(AesGcm, RefusesEveryChangedByteAndNothingElse) {
  SymmetricKey key;
  SeededRandom{5}.fill(key.bytes);
  AeadSealer sealer{aes_256_gcm, key, GetParam()};
  AeadOpener opener{aes_256_gcm, key, GetParam()};
  for (const std::size_t length : {0u, 1u, 16u, 63u, 257u, 1400u}) {
    Bytes sealed(length + kAeadTagBytes), out(length);
    const Bytes plaintext(length, 0x5a);
    sealer.seal(length, {}, plaintext, 0, sealed);
    for (std::size_t at = 0; at < sealed.size(); ++at) {
      for (const unsigned flip : {0x01u, 0x80u}) {
        Bytes bad = sealed;
        bad[at] ^= static_cast<std::uint8_t>(flip);
        ASSERT_FALSE(opener.open(length, {}, bad, out)) << length << " at " << at;
      }
    }
    EXPECT_FALSE(opener.open(length + 1, {}, sealed, out));
    EXPECT_FALSE(opener.open(length, as_bytes("x"), sealed, out));
    ASSERT_TRUE(opener.open(length, {}, sealed, out)) << "usable after refusals";
    EXPECT_EQ(out, plaintext);
  }
}

TEST_P(AesGcm, WritesNothingBehindItsOutput) {
  AeadSealer sealer{aes_256_gcm, {}, GetParam()};
  AeadOpener opener{aes_256_gcm, {}, GetParam()};
  for (std::size_t length = 0; length < 300; ++length) {
    const Bytes plaintext(length, 1);
    Bytes sealed(length + 15 + kAeadTagBytes + 64, 0xee);
    sealer.seal(length, {}, plaintext, length % 16, sealed);
    const std::size_t used = length + length % 16 + kAeadTagBytes;
    ASSERT_EQ(to_hex(ByteView{sealed}.subspan(used)), to_hex(Bytes(sealed.size() - used, 0xee))) << length;
    Bytes opened(length + 15 + 64, 0xdd);
    ASSERT_TRUE(opener.open(length, {}, ByteView{sealed}.first(used), opened));
    const std::size_t inner = used - kAeadTagBytes;
    ASSERT_EQ(to_hex(ByteView{opened}.subspan(inner)), to_hex(Bytes(opened.size() - inner, 0xdd))) << length;
  }
}

TEST_P(AesGcm, AllocatesNothingPerPacket) {
  ASSERT_TRUE(causeway::testing::openssl_allocations_are_counted());
  AeadSealer sealer{aes_256_gcm, {}, GetParam()};
  AeadOpener opener{aes_256_gcm, {}, GetParam()};
  const Bytes plaintext(1400, 7);
  Bytes sealed(1408 + kAeadTagBytes), opened(1408);
  const auto once = [&](std::uint64_t counter) {
    sealer.seal(counter, {}, plaintext, 8, sealed);
    return opener.open(counter, {}, sealed, opened);
  };
  bool ok = once(0);
  const std::size_t before = causeway::testing::allocations_of_this_thread();
  for (std::uint64_t counter = 1; counter < 100; ++counter)
    ok = once(counter) && ok;
  EXPECT_EQ(causeway::testing::allocations_of_this_thread(), before);
  EXPECT_TRUE(ok);
}

TEST_P(AesGcm, MovesWithItsKey) {
  AeadSealer first{aes_256_gcm, {}, GetParam()}, second{chacha20_poly1305, {}};
  second = std::move(first);
  EXPECT_EQ(second.implementation(), GetParam());
  AeadOpener opener{aes_256_gcm, {}, GetParam()};
  AeadOpener moved = std::move(opener);
  Bytes sealed(3 + kAeadTagBytes), opened(3);
  second.seal(1, {}, as_bytes("abc"), 0, sealed);
  EXPECT_TRUE(moved.open(1, {}, sealed, opened));
}

INSTANTIATE_TEST_SUITE_P(Implementations, AesGcm, ::testing::ValuesIn(available_here()),
                         [](const auto& param) { return param.param == openssl ? "openssl" : "ipsec_mb"; });

// With one implementation alone that is OpenSSL, and it must at least understand itself.
TEST(AeadImplementations, OpenWhatTheOtherSealed) {
  const AeadImplementation other = available_here().back();
  SeededRandom random{11};
  SymmetricKey key;
  random.fill(key.bytes);
  AeadSealer sealers[] = {{aes_256_gcm, key, openssl}, {aes_256_gcm, key, other}};
  AeadOpener openers[] = {{aes_256_gcm, key, other}, {aes_256_gcm, key, openssl}};
  for (std::uint64_t round = 0; round < 4000; ++round) {
    const std::size_t length = round < 2001 ? round : random.below(2001);
    const std::size_t padding = random.below(3) == 0 ? random.below(16) : 0;
    Bytes plaintext(length), associated(random.below(2) == 0 ? random.below(64) : 0);
    random.fill(plaintext);
    random.fill(associated);
    const std::uint64_t counter = random.next_u64();
    const std::size_t total = length + padding + kAeadTagBytes;
    Bytes sealed[2] = {Bytes(total), Bytes(total)};
    sealers[0].seal(counter, associated, plaintext, padding, sealed[0]);
    // In place: the plaintext lies where the ciphertext goes.
    std::copy(plaintext.begin(), plaintext.end(), sealed[1].begin());
    sealers[1].seal(counter, associated, ByteView{sealed[1]}.first(length), padding, sealed[1]);
    ASSERT_EQ(to_hex(sealed[0]), to_hex(sealed[1])) << length << " + " << padding;
    Bytes padded = plaintext;
    padded.resize(length + padding);
    Bytes opened(length + padding);
    ASSERT_TRUE(openers[0].open(counter, associated, sealed[0], opened));
    ASSERT_EQ(to_hex(opened), to_hex(padded));
    ASSERT_TRUE(openers[0].open(counter, associated, sealed[0], sealed[0]));
    ASSERT_TRUE(openers[1].open(counter, associated, sealed[1], sealed[1]));
    sealed[0].resize(opened.size());
    sealed[1].resize(opened.size());
    ASSERT_EQ(to_hex(sealed[0]), to_hex(padded));
    ASSERT_EQ(to_hex(sealed[1]), to_hex(padded));
  }
}

TEST(AeadImplementations, TheDefaultIsTheFastestUnlessSetAndChaChaIsOpenSsls) {
  const auto fastest = is_available(ipsec_mb) ? ipsec_mb : openssl;
  EXPECT_EQ(resolve(aes_256_gcm), fastest);
  EXPECT_EQ(AeadSealer(aes_256_gcm, {}).implementation(), fastest);
  EXPECT_EQ(resolve(chacha20_poly1305), openssl);
  EXPECT_EQ(resolve(chacha20_poly1305, ipsec_mb), openssl);
  set_default_aead_implementation(openssl);
  EXPECT_EQ(resolve(aes_256_gcm), openssl);
  EXPECT_EQ(AeadOpener(aes_256_gcm, {}).implementation(), openssl);
  EXPECT_EQ(resolve(aes_256_gcm, ipsec_mb), fastest) << "a wish of one's own goes first";
  set_default_aead_implementation(automatic);
  EXPECT_EQ(resolve(aes_256_gcm), fastest);
}

TEST(AeadImplementations, NeedTheProcessorsInstructions) {
  if (!aes_is_in_hardware()) {
    EXPECT_FALSE(is_available(ipsec_mb));
  }
  EXPECT_TRUE(is_available(openssl));
  EXPECT_TRUE(is_available(automatic));
  EXPECT_EQ(aead_implementation_name(ipsec_mb), "libipsec-mb");
  EXPECT_EQ(aead_implementation_name(openssl), "OpenSSL");
  EXPECT_EQ(aead_algorithm_name(aes_256_gcm), "AES-256-GCM");
  EXPECT_EQ(aead_algorithm_name(chacha20_poly1305), "ChaCha20-Poly1305");
}

}  // namespace
}  // namespace causeway::crypto
