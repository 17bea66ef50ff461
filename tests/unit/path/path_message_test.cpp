#include "path/path_message.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "packet/compact_header.hpp"

namespace causeway::path {
namespace {

net::Endpoint endpoint(const char* text) { return net::Endpoint::parse(text).value(); }

Order example() {
  return {.number = 0xfffffffe,
          .pairs = {{endpoint("198.51.100.7:40000"), endpoint("203.0.113.9:500"), false},
                    {endpoint("[2001:db8::1]:1"), endpoint("[2001:db8::2]:65535"), true}}};
}

TEST(PathMessage, ProbeIsAsLongAsAskedFor) {
  const Bytes bytes = encode(Probe{0x0102030405060708}, 1448);
  ASSERT_EQ(bytes.size(), 1448u);
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 12), (Bytes{0x81, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0}));
  EXPECT_EQ(parse_path_message(bytes), PathMessage(Probe{0x0102030405060708}));
  EXPECT_EQ(parse_path_message(ByteView{bytes}.first(1024)), PathMessage(Probe{0x0102030405060708}));
}

TEST(PathMessage, AnswerIsNeverLongerThanItsProbe) {
  const Bytes answer = encode(ProbeAnswer{7, 1448});
  EXPECT_EQ(answer, (Bytes{0x81, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0x05, 0xa8}));
  EXPECT_EQ(parse_path_message(answer), PathMessage(ProbeAnswer{7, 1448}));
  EXPECT_EQ(encode(Probe{7}, 0).size(), kLeastProbeBytes);
  EXPECT_LE(answer.size(), kLeastProbeBytes);
  EXPECT_FALSE(parse_path_message(ByteView{encode(Probe{7}, 0)}.first(kLeastProbeBytes - 1)))
      << "a shorter one has no answer";
}

TEST(PathMessage, OrderOfBothFamilies) {
  const Bytes bytes = encode(example());
  EXPECT_EQ(bytes.size(), 7u + 13 + 37);
  EXPECT_EQ(bytes[5], 0xfe);
  EXPECT_EQ(bytes[6], 2);
  EXPECT_EQ(parse_path_message(bytes), PathMessage(example()));
  EXPECT_EQ(parse_path_message(encode(Order{5, {}})), PathMessage(Order{5, {}}));
}

TEST(PathMessage, SizesAreThoseOnTheWire) {
  // IPv4 and UDP 28, message header 8, tag 16.
  EXPECT_EQ(plaintext_for(1500, endpoint("192.0.2.1:1")), 1500u - 52);
  EXPECT_EQ(plaintext_for(1280, endpoint("[2001:db8::1]:1")), 1280u - 72);
  EXPECT_EQ(ip_bytes_of(1448, endpoint("192.0.2.1:1")), 1500u);
  EXPECT_EQ(plaintext_for(10, endpoint("192.0.2.1:1")), kLeastProbeBytes);
}

TEST(PathMessage, TruncatedOnesAreRefused) {
  for (const Bytes& whole : {encode(ProbeAnswer{7, 1448}), encode(example())}) {
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(parse_path_message(ByteView{whole}.first(length))) << length;
  }
}

TEST(PathMessage, LiesAreRefused) {
  Bytes answer = encode(ProbeAnswer{7, 1448});
  answer.push_back(0);
  EXPECT_FALSE(parse_path_message(answer)) << "something behind it";
  Bytes order = encode(example());
  order.push_back(0);
  EXPECT_FALSE(parse_path_message(order));
  order.pop_back();
  order[7] = 4;
  EXPECT_FALSE(parse_path_message(order)) << "a flag that nobody sets";
  Bytes crowd = encode(Order{
      1, std::vector<OrderedPair>(kMostOrderedPairs, {endpoint("192.0.2.1:1"), endpoint("192.0.2.2:1")})});
  ASSERT_TRUE(parse_path_message(crowd));
  crowd[6] = kMostOrderedPairs + 1;
  crowd.resize(crowd.size() + 13);
  EXPECT_FALSE(parse_path_message(crowd)) << "more pairs than anybody may name";
  EXPECT_FALSE(parse_path_message(Bytes{0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(parse_path_message(Bytes{0x81, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) << "a kind of later";
}

TEST(PathMessage, AnyBytesAreReadWithinBounds) {
  SeededRandom random(1);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(random.below(120));
    random.fill(bytes);
    if (!bytes.empty()) bytes[0] = packet::kCompactPathMessage;
    if (bytes.size() > 1) bytes[1] = static_cast<std::uint8_t>(random.below(5));
    const auto message = parse_path_message(bytes);
    const auto* order = message ? std::get_if<Order>(&*message) : nullptr;
    if (order) {
      EXPECT_EQ(encode(*order).size(), bytes.size());
    }
  }
}

}  // namespace
}  // namespace causeway::path
