#include "session/ikpsk2.hpp"

#include <gtest/gtest.h>

#include "crypto/aead.hpp"

namespace causeway::session {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

crypto::SessionKeys keys(std::string_view secret) {
  crypto::SessionKeys made;
  made.secret = crypto::SessionSecretKey::from_bytes(hex(secret)).value();
  made.public_key = crypto::derive_public(made.secret);
  return made;
}

// The vector Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s of cacophony (the file that snow's tests use too).
struct Vector {
  Bytes prologue = hex("4a6f686e2047616c74");
  crypto::PresharedKey psk = crypto::PresharedKey::from_bytes(
                                 hex("54686973206973206d7920417573747269616e20706572737065637469766521"))
                                 .value();
  crypto::SessionKeys initiator = keys("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1");
  crypto::SessionKeys initiator_ephemeral =
      keys("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a");
  crypto::SessionKeys responder = keys("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893");
  crypto::SessionKeys responder_ephemeral =
      keys("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b");
  Bytes payload1 = hex("4c756477696720766f6e204d69736573");
  Bytes message1 =
      hex("ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb562"
          "53c9c94a9e4967"
          "82ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee931090"
          "08399a21f7e1"
          "3f");
  Bytes payload2 = hex("4d757272617920526f746862617264");
  Bytes message2 =
      hex("95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217"
          "755c0632f36571"
          "7edbf34d33e87a");
  struct Transport {
    const char* payload;
    const char* sealed;
  };
  // Alternating, the initiator first.
  std::array<Transport, 4> transport{{
      {"462e20412e20486179656b", "8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7"},
      {"4361726c204d656e676572", "07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef"},
      {"4a65616e2d426170746973746520536179",
       "6ab1467c0448cc78394494abaaf23afce0e234315d6e2624dcbfa8a21c1c4d073d"},
      {"457567656e2042f6686d20766f6e2042617765726b",
       "dfc346c0d2296ae6cf1acf6f12b8456a1dba228cf8d8b774aacf1c47fc53aa80ebc7a4c292"},
  }};

  LocalKeys initiator_keys() const { return {initiator.secret, initiator.public_key}; }
  LocalKeys responder_keys() const { return {responder.secret, responder.public_key}; }
  ByteView sealed_static() const { return ByteView{message1}.subspan(32, 48); }
  ByteView sealed_payload1() const { return ByteView{message1}.subspan(80); }
  ByteView sealed_payload2() const { return ByteView{message2}.subspan(32); }
};

void expect_transport(const Vector& vector, const ikpsk2::TransportKeys& transport_keys) {
  crypto::AeadSealer initiator{crypto::AeadAlgorithm::chacha20_poly1305, transport_keys.from_initiator};
  crypto::AeadSealer responder{crypto::AeadAlgorithm::chacha20_poly1305, transport_keys.from_responder};
  for (std::size_t i = 0; i < vector.transport.size(); ++i) {
    const Bytes payload = hex(vector.transport[i].payload);
    Bytes sealed(payload.size() + crypto::kAeadTagBytes);
    (i % 2 == 0 ? initiator : responder).seal(i / 2, {}, payload, 0, sealed);
    EXPECT_EQ(to_hex(sealed), vector.transport[i].sealed) << i;
  }
}

TEST(Ikpsk2, InitiatorMatchesThePublishedVector) {
  const Vector vector;
  Bytes sealed_static(48), sealed_payload(vector.payload1.size() + 16);
  const auto state =
      ikpsk2::write_message1(vector.prologue, vector.initiator_keys(), vector.responder.public_key,
                             vector.initiator_ephemeral, vector.payload1, sealed_static, sealed_payload);
  ASSERT_TRUE(state);
  EXPECT_EQ(to_hex(vector.initiator_ephemeral.public_key.bytes), to_hex(ByteView{vector.message1}.first(32)));
  EXPECT_EQ(to_hex(sealed_static), to_hex(vector.sealed_static()));
  EXPECT_EQ(to_hex(sealed_payload), to_hex(vector.sealed_payload1()));

  Bytes payload(vector.payload2.size());
  const auto transport = ikpsk2::read_message2(*state, vector.initiator_keys(), vector.initiator_ephemeral,
                                               vector.responder_ephemeral.public_key, vector.psk,
                                               vector.sealed_payload2(), payload);
  ASSERT_TRUE(transport);
  EXPECT_EQ(payload, vector.payload2);
  expect_transport(vector, *transport);
}

TEST(Ikpsk2, ResponderMatchesThePublishedVector) {
  const Vector vector;
  Bytes payload(vector.payload1.size());
  auto read =
      ikpsk2::read_message1(vector.prologue, vector.responder_keys(), vector.initiator_ephemeral.public_key,
                            vector.sealed_static(), vector.sealed_payload1(), payload);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->initiator, vector.initiator.public_key);
  EXPECT_EQ(payload, vector.payload1);

  Bytes sealed(vector.payload2.size() + 16);
  const auto transport =
      ikpsk2::write_message2(read->state, read->initiator, vector.initiator_ephemeral.public_key,
                             vector.responder_ephemeral, vector.psk, vector.payload2, sealed);
  ASSERT_TRUE(transport);
  EXPECT_EQ(to_hex(sealed), to_hex(vector.sealed_payload2()));
  expect_transport(vector, *transport);
}

TEST(Ikpsk2, RefusesKeysOfSmallOrder) {
  const Vector vector;
  const crypto::SessionPublicKey zero;
  Bytes sealed_static(48), sealed_payload(28), payload(vector.payload1.size());
  EXPECT_FALSE(ikpsk2::write_message1(vector.prologue, vector.initiator_keys(), zero,
                                      vector.initiator_ephemeral, Bytes(12), sealed_static, sealed_payload));
  EXPECT_FALSE(ikpsk2::read_message1(vector.prologue, vector.responder_keys(), zero, vector.sealed_static(),
                                     vector.sealed_payload1(), payload));
}

TEST(Ikpsk2, WireGuardsInitialHashes) {
  // Known from the implementations that hold them as constants: HASH(construction), HASH(that || identifier).
  const auto chaining = crypto::blake2s({as_bytes("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")});
  EXPECT_EQ(to_hex(chaining), "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36");
  EXPECT_EQ(to_hex(crypto::blake2s({chaining, as_bytes(ikpsk2::kIdentifier)})),
            "2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3");
}

}  // namespace
}  // namespace causeway::session
