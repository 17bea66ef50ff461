#include "dataplane/handover_ring.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "base/random.hpp"

namespace causeway::dataplane {
namespace {

using Kind = HandoverLabel::Kind;

Bytes numbered(std::size_t bytes, std::uint8_t first) {
  Bytes result(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    result[i] = static_cast<std::uint8_t>(first + i * 7);
  return result;
}

HandoverLabel frame(std::uint16_t mark) {
  HandoverLabel label;
  label.kind = Kind::frame;
  label.header.gso_bytes = mark;
  return label;
}

TEST(HandoverRing, gives_back_what_was_put_in_with_its_label) {
  auto ring = HandoverRing::make(HandoverRing::kLeastCapacity);
  HandoverLabel label;
  label.kind = Kind::datagram;
  label.origin.base = net::BaseId{9};
  label.origin.from = *net::Endpoint::parse("192.0.2.7:1234");
  EXPECT_TRUE(ring->is_empty());
  ASSERT_TRUE(ring->push(label, numbered(100, 1)));
  ASSERT_TRUE(ring->push(frame(1400), numbered(65535, 2)));
  ASSERT_TRUE(ring->push(frame(7), {}));
  EXPECT_FALSE(ring->is_empty());

  EXPECT_TRUE(ring->pop([&](const HandoverLabel& got, MutableByteView bytes) {
    EXPECT_EQ(got.kind, Kind::datagram);
    EXPECT_EQ(got.origin.base, net::BaseId{9});
    EXPECT_EQ(got.origin.from, label.origin.from);
    EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), numbered(100, 1));
  }));
  EXPECT_TRUE(ring->pop([&](const HandoverLabel& got, MutableByteView bytes) {
    EXPECT_EQ(got.kind, Kind::frame);
    EXPECT_EQ(got.header.gso_bytes, 1400);
    EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), numbered(65535, 2));
  }));
  EXPECT_TRUE(ring->pop([&](const HandoverLabel&, MutableByteView bytes) { EXPECT_TRUE(bytes.empty()); }));
  EXPECT_FALSE(ring->pop([&](const HandoverLabel&, MutableByteView) { ADD_FAILURE(); }));
  EXPECT_TRUE(ring->is_empty());
}

TEST(HandoverRing, its_taker_may_write_around_a_packet) {
  auto ring = HandoverRing::make(HandoverRing::kLeastCapacity);
  const Bytes first = numbered(200, 1), second = numbered(300, 2);
  ring->push(frame(1), first);
  ring->push(frame(2), second);
  ring->pop([&](const HandoverLabel&, MutableByteView bytes) {
    std::fill(bytes.data() - HandoverRing::kHeadroom, bytes.data() + bytes.size() + HandoverRing::kHeadroom,
              std::uint8_t{0xff});
  });
  ring->pop([&](const HandoverLabel& label, MutableByteView bytes) {
    EXPECT_EQ(label.header.gso_bytes, 2);
    EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), second);
  });
}

TEST(HandoverRing, full_refuses_and_keeps_the_rest) {
  auto ring = HandoverRing::make(HandoverRing::kLeastCapacity);
  std::uint16_t given = 0;
  while (ring->push(frame(given), numbered(1400, static_cast<std::uint8_t>(given))))
    ++given;
  EXPECT_GT(given, HandoverRing::kLeastCapacity / 1792 - 2);
  EXPECT_LE(ring->used(), ring->capacity());
  EXPECT_FALSE(ring->push(frame(0), numbered(1400, 0)));
  for (std::uint16_t i = 0; i < given; ++i) {
    ASSERT_TRUE(ring->pop([&](const HandoverLabel& label, MutableByteView bytes) {
      EXPECT_EQ(label.header.gso_bytes, i);
      EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), numbered(1400, static_cast<std::uint8_t>(i)));
    }));
  }
  EXPECT_TRUE(ring->push(frame(0), numbered(65535, 3)))
      << "an empty ring takes the largest, wherever it begins";
}

TEST(HandoverRing, behaves_as_a_queue_of_copies) {
  auto ring = HandoverRing::make(HandoverRing::kLeastCapacity);
  SeededRandom random{5};
  std::deque<Bytes> model;
  std::size_t refused = 0;
  for (int step = 0; step < 40'000; ++step) {
    if (random.below(100) < 52) {
      const std::size_t most = random.below(8) == 0 ? 65535 : 1500;
      const Bytes bytes = numbered(random.below(most + 1), static_cast<std::uint8_t>(step));
      if (ring->push(frame(static_cast<std::uint16_t>(step)), bytes)) {
        model.push_back(bytes);
      } else {
        ++refused;
        ASSERT_GT(ring->used() + 2 * 66'000, ring->capacity()) << "refused with room for it";
      }
    } else {
      const bool any = ring->pop([&](const HandoverLabel&, MutableByteView bytes) {
        ASSERT_FALSE(model.empty());
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), model.front().begin(), model.front().end()));
      });
      ASSERT_EQ(any, !model.empty());
      if (any) model.pop_front();
    }
    ASSERT_EQ(ring->is_empty(), model.empty());
  }
  EXPECT_GT(refused, 0u) << "the test never met a full ring";
}

TEST(HandoverRing, two_threads_lose_and_reorder_nothing) {
  auto ring = HandoverRing::make(HandoverRing::kLeastCapacity);
  constexpr std::uint32_t kCount = 50'000;
  const auto bytes_of = [](std::uint32_t number) {
    return numbered(number % 977 + 4, static_cast<std::uint8_t>(number));
  };
  std::thread producer([&] {
    for (std::uint32_t number = 0; number < kCount;) {
      if (ring->push(frame(static_cast<std::uint16_t>(number)), bytes_of(number))) {
        ++number;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint32_t next = 0;
  bool same = true;
  while (next < kCount) {
    const bool any = ring->pop([&](const HandoverLabel& label, MutableByteView bytes) {
      const Bytes expected = bytes_of(next);
      same = same && label.header.gso_bytes == static_cast<std::uint16_t>(next) &&
             std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end());
    });
    if (any) {
      ++next;
    } else {
      std::this_thread::yield();
    }
  }
  producer.join();
  EXPECT_TRUE(same);
  EXPECT_TRUE(ring->is_empty());
}

}  // namespace
}  // namespace causeway::dataplane
