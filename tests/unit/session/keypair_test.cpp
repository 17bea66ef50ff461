#include "session/keypair.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/random.hpp"
#include "session/limits.hpp"
#include "support/allocation_count.hpp"

namespace causeway::session {
namespace {

constexpr SteadyTime kCreated{1000s};

struct Pair {
  explicit Pair(std::uint64_t seed = 1) {
    SeededRandom random{seed};
    KeypairMaterial a{0x11223344, 0x55667788, {}, {}, true, kCreated};
    random.fill(a.send_key.bytes);
    random.fill(a.receive_key.bytes);
    KeypairMaterial b{0x55667788, 0x11223344, a.receive_key, a.send_key, false, kCreated};
    initiator = std::make_unique<Keypair>(a);
    responder = std::make_unique<Keypair>(b);
  }
  std::unique_ptr<Keypair> initiator, responder;
};

Bytes sealed(Keypair& keypair, ByteView plaintext) {
  Bytes message(Keypair::sealed_bytes(plaintext.size()));
  EXPECT_EQ(keypair.seal(plaintext, message), message.size());
  return message;
}

TEST(Keypair, CarriesEveryLengthPaddedToSixteen) {
  Pair pair;
  for (std::size_t length = 0; length < 100; ++length) {
    const Bytes plaintext(length, 7);
    const Bytes message = sealed(*pair.initiator, plaintext);
    EXPECT_EQ(message.size() % 16, 0u);
    EXPECT_EQ(to_hex(ByteView{message}.first(8)), "0400000088776655");
    Bytes out(message.size() - kDataOverheadBytes);
    const auto opened = pair.responder->open(message, out, kCreated);
    ASSERT_EQ(opened.error, OpenError::none);
    ASSERT_EQ(opened.length, (length + 15) / 16 * 16);
    Bytes expected = plaintext;
    expected.resize(opened.length);
    EXPECT_EQ(out, expected);
  }
  EXPECT_EQ(pair.initiator->messages_sent(), 100u);
}

TEST(Keypair, RefusesReplaysAndEveryFlippedBit) {
  Pair pair;
  const Bytes message = sealed(*pair.initiator, Bytes(20, 1));
  Bytes out(64);
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes bad = message;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_NE(pair.responder->open(bad, out, kCreated).error, OpenError::none) << bit;
  }
  for (std::size_t length = 0; length < message.size(); ++length) {
    EXPECT_NE(pair.responder->open(ByteView{message}.first(length), out, kCreated).error, OpenError::none);
  }
  EXPECT_EQ(pair.responder->open(message, out, kCreated).error, OpenError::none)
      << "forgeries moved no window";
  EXPECT_EQ(pair.responder->open(message, out, kCreated).error, OpenError::replayed);
  EXPECT_EQ(pair.initiator->open(message, out, kCreated).error, OpenError::malformed)
      << "reflected to its sender";
}

TEST(Keypair, AcceptsReorderingWithinTheWindowOnly) {
  Pair pair;
  std::vector<Bytes> messages;
  for (int i = 0; i < 9000; ++i)
    messages.push_back(sealed(*pair.initiator, {}));
  Bytes out(16);
  EXPECT_EQ(pair.responder->open(messages[8999], out, kCreated).error, OpenError::none);
  EXPECT_EQ(pair.responder->open(messages[9000 - 8128], out, kCreated).error, OpenError::none);
  EXPECT_EQ(pair.responder->open(messages[8999 - 8128], out, kCreated).error, OpenError::replayed);
}

struct CompactPair : Pair {
  explicit CompactPair(crypto::AeadAlgorithm algorithm) {
    SeededRandom random{9};
    KeypairMaterial a{0x11223344, 0x55667788, {}, {}, true, kCreated, algorithm};
    random.fill(a.send_key.bytes);
    random.fill(a.receive_key.bytes);
    KeypairMaterial b{0x55667788, 0x11223344, a.receive_key, a.send_key, false, kCreated, algorithm};
    initiator = std::make_unique<Keypair>(a);
    responder = std::make_unique<Keypair>(b);
  }
  static Bytes sealed(Keypair& keypair, ByteView plaintext) {
    Bytes message(Keypair::compact_bytes(plaintext.size()));
    EXPECT_EQ(keypair.seal_compact(plaintext, message), message.size());
    return message;
  }
};

TEST(KeypairCompact, CarriesEveryLengthAsItIs) {
  for (const auto algorithm :
       {crypto::AeadAlgorithm::aes_256_gcm, crypto::AeadAlgorithm::chacha20_poly1305}) {
    CompactPair pair(algorithm);
    for (std::size_t length = 0; length < 100; ++length) {
      const Bytes plaintext(length, 7);
      const Bytes message = pair.sealed(*pair.initiator, plaintext);
      EXPECT_EQ(to_hex(ByteView{message}.first(8)),
                "80887766" + to_hex(Bytes{static_cast<std::uint8_t>(length)}) + "000000");
      Bytes out(length);
      const auto opened = pair.responder->open_compact(message, out, kCreated);
      ASSERT_EQ(opened.error, OpenError::none);
      EXPECT_EQ(opened.length, length);
      EXPECT_EQ(opened.counter, length);
      EXPECT_EQ(out, plaintext);
    }
  }
}

TEST(KeypairCompact, RefusesReplaysAndEveryFlippedBit) {
  CompactPair pair(crypto::AeadAlgorithm::aes_256_gcm);
  const Bytes message = pair.sealed(*pair.initiator, Bytes(20, 1));
  Bytes out(64);
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes bad = message;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_NE(pair.responder->open_compact(bad, out, kCreated).error, OpenError::none) << bit;
  }
  for (std::size_t length = 0; length < message.size(); ++length) {
    EXPECT_NE(pair.responder->open_compact(ByteView{message}.first(length), out, kCreated).error,
              OpenError::none);
  }
  EXPECT_EQ(pair.responder->open_compact(message, out, kCreated).error, OpenError::none);
  EXPECT_EQ(pair.responder->open_compact(message, out, kCreated).error, OpenError::replayed);
  EXPECT_EQ(pair.responder->open_compact(message, out, kCreated + kRejectAfterTime).error,
            OpenError::key_expired);
}

TEST(KeypairCompact, CountsByItself) {
  CompactPair pair(crypto::AeadAlgorithm::chacha20_poly1305);
  const Bytes stock = sealed(*pair.initiator, Bytes(16, 1));
  const Bytes compact = pair.sealed(*pair.initiator, Bytes(16, 1));
  EXPECT_EQ(pair.initiator->messages_sent(), 2u);
  // The same number, the same plaintext, the same cipher: but another key.
  EXPECT_FALSE(std::equal(stock.begin() + 16, stock.end(), compact.begin() + 8));
  Bytes out(16);
  EXPECT_EQ(pair.responder->open_compact(compact, out, kCreated).error, OpenError::none);
  EXPECT_EQ(pair.responder->open(stock, out, kCreated).error, OpenError::none);
}

TEST(KeypairCompact, AnswersInTheFormatItHears) {
  CompactPair pair(crypto::AeadAlgorithm::aes_256_gcm);
  Bytes out(16);
  EXPECT_TRUE(pair.responder->sends_compact());
  EXPECT_EQ(pair.responder->open(sealed(*pair.initiator, {}), out, kCreated).error, OpenError::none);
  EXPECT_FALSE(pair.responder->sends_compact());
  EXPECT_EQ(pair.responder->open_compact(pair.sealed(*pair.initiator, {}), out, kCreated).error,
            OpenError::none);
  EXPECT_TRUE(pair.responder->sends_compact());
  Pair stock;
  EXPECT_FALSE(stock.initiator->sends_compact());
  EXPECT_EQ(stock.responder->open_compact(Bytes(40, 0x80), out, kCreated).error, OpenError::malformed);
}

TEST(KeypairCompact, WhoWantsAesHearsChaChaAndAnswersWithIt) {
  CompactPair wants_aes(crypto::AeadAlgorithm::aes_256_gcm),
      can_chacha(crypto::AeadAlgorithm::chacha20_poly1305);
  Keypair& here = *wants_aes.initiator;
  Keypair& there = *can_chacha.responder;
  Bytes out(16);
  EXPECT_EQ(there.open_compact(wants_aes.sealed(here, {}), out, kCreated).error, OpenError::bad_tag);
  EXPECT_EQ(here.open_compact(can_chacha.sealed(there, {}), out, kCreated).error, OpenError::none);
  EXPECT_EQ(there.open_compact(wants_aes.sealed(here, {}), out, kCreated).error, OpenError::none);
  EXPECT_EQ(here.messages_sent(), 2u);
}

TEST(Keypair, Expires) {
  Pair pair;
  const Bytes message = sealed(*pair.initiator, {});
  Bytes out(16);
  EXPECT_TRUE(pair.initiator->may_send(kCreated + 180s - 1ns));
  EXPECT_FALSE(pair.initiator->may_send(kCreated + 180s));
  EXPECT_EQ(pair.responder->open(message, out, kCreated + 180s).error, OpenError::key_expired);
  EXPECT_EQ(pair.responder->open(message, out, kCreated + 180s - 1ns).error, OpenError::none);
}

TEST(Keypair, ACounterOverTheLimitIsRefused) {
  Pair pair;
  Bytes message = sealed(*pair.initiator, {}), out(16);
  std::fill(message.begin() + 8, message.begin() + 16, std::uint8_t{0xff});
  EXPECT_EQ(pair.responder->open(message, out, kCreated).error, OpenError::key_expired);
}

TEST(Keypair, OnlyTheInitiatorWantsToRekeyByTime) {
  Pair pair;
  EXPECT_FALSE(pair.initiator->wants_rekey_after_send(kCreated + 120s - 1ns));
  EXPECT_TRUE(pair.initiator->wants_rekey_after_send(kCreated + 120s));
  EXPECT_FALSE(pair.responder->wants_rekey_after_send(kCreated + 179s));
  EXPECT_FALSE(pair.initiator->wants_rekey_after_receive(kCreated + 165s - 1ns));
  EXPECT_TRUE(pair.initiator->wants_rekey_after_receive(kCreated + 165s));
  EXPECT_FALSE(pair.responder->wants_rekey_after_receive(kCreated + 179s));
}

TEST(Keypair, AllocatesNothingPerPacket) {
  Pair pair;
  Bytes plaintext(1400, 3), message(Keypair::sealed_bytes(1400)), out(1408);
  const std::size_t before = causeway::testing::allocations_of_this_thread();
  std::size_t opened = 0;
  for (int i = 0; i < 1000; ++i) {
    pair.initiator->seal(plaintext, message);
    opened += pair.responder->open(message, out, kCreated).length;
    pair.responder->open(message, out, kCreated);  // a replay
    message[20] ^= 1;
  }
  EXPECT_TRUE(causeway::testing::openssl_allocations_are_counted());
  EXPECT_EQ(causeway::testing::allocations_of_this_thread(), before);
  EXPECT_EQ(opened, 1000u * 1408);
  EXPECT_GT(before, 0u) << "the counter counts";
}

KeypairMaterial material(std::uint32_t index, bool is_initiator) {
  return {index, index + 100, {}, {}, is_initiator, kCreated};
}
std::set<std::uint32_t> indices(const KeypairSlots& slots) {
  std::set<std::uint32_t> found;
  slots.for_each_index([&](std::uint32_t index) { found.insert(index); });
  return found;
}
using Indices = std::set<std::uint32_t>;

TEST(KeypairSlots, AnInitiatorsKeypairSendsAtOnce) {
  KeypairSlots slots;
  EXPECT_EQ(slots.sender(kCreated), nullptr);
  std::optional<std::uint32_t> second = 99;
  EXPECT_EQ(slots.install(material(1, true), &second), std::nullopt);
  EXPECT_EQ(second, std::nullopt);
  EXPECT_EQ(slots.sender(kCreated)->local_index(), 1u);
  EXPECT_EQ(slots.install(material(2, true), &second), std::nullopt);
  EXPECT_EQ(slots.sender(kCreated)->local_index(), 2u);
  EXPECT_EQ(slots.receiver(1)->local_index(), 1u) << "what is under way is still received";
  EXPECT_EQ(slots.install(material(3, true), &second), 1u);
  EXPECT_EQ(indices(slots), (Indices{2, 3}));
  EXPECT_EQ(slots.receiver(1), nullptr);
}

TEST(KeypairSlots, AResponderWaitsForConfirmation) {
  KeypairSlots slots;
  std::optional<std::uint32_t> second, dropped;
  slots.install(material(1, false), &second);
  EXPECT_EQ(slots.sender(kCreated), nullptr);
  EXPECT_FALSE(slots.on_opened(7, &dropped));
  EXPECT_TRUE(slots.on_opened(1, &dropped));
  EXPECT_EQ(dropped, std::nullopt);
  EXPECT_EQ(slots.sender(kCreated)->local_index(), 1u);
  EXPECT_FALSE(slots.on_opened(1, &dropped)) << "once";

  slots.install(material(2, false), &second);
  EXPECT_EQ(slots.sender(kCreated)->local_index(), 1u) << "the old one sends until then";
  EXPECT_FALSE(slots.on_opened(1, &dropped));
  EXPECT_TRUE(slots.on_opened(2, &dropped));
  EXPECT_EQ(slots.sender(kCreated)->local_index(), 2u);
  EXPECT_EQ(indices(slots), (Indices{1, 2}));
}

TEST(KeypairSlots, ANewerUnconfirmedKeypairReplacesTheOlder) {
  KeypairSlots slots;
  std::optional<std::uint32_t> second;
  slots.install(material(1, true), &second);
  slots.install(material(2, true), &second);
  slots.install(material(3, false), &second);  // drops previous 1
  EXPECT_EQ(indices(slots), (Indices{2, 3}));
  EXPECT_EQ(slots.install(material(4, false), &second), 3u);
  EXPECT_EQ(second, std::nullopt);
  EXPECT_EQ(indices(slots), (Indices{2, 4}));
}

TEST(KeypairSlots, InitiatingWhileOneWaitsKeepsTheWaitingReceivable) {
  KeypairSlots slots;
  std::optional<std::uint32_t> second, dropped;
  slots.install(material(1, true), &second);
  slots.install(material(2, false), &second);
  EXPECT_EQ(slots.install(material(3, true), &second), 1u);
  EXPECT_EQ(slots.sender(kCreated)->local_index(), 3u);
  EXPECT_EQ(indices(slots), (Indices{2, 3}));
  EXPECT_FALSE(slots.on_opened(2, &dropped)) << "it is not the next one any more";
}

TEST(KeypairSlots, AnExpiredKeypairDoesNotSendAndErasingLeavesNothing) {
  KeypairSlots slots;
  std::optional<std::uint32_t> second;
  slots.install(material(1, true), &second);
  EXPECT_EQ(slots.sender(kCreated + 180s), nullptr);
  slots.erase_all();
  EXPECT_EQ(indices(slots), Indices{});
  EXPECT_EQ(slots.receiver(1), nullptr);
}

}  // namespace
}  // namespace causeway::session
