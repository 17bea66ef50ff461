#include "session/wire.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace causeway::session::wire {
namespace {

Bytes counting(std::size_t size, std::uint8_t type) {
  Bytes bytes(size);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  bytes[0] = type;
  bytes[1] = bytes[2] = bytes[3] = 0;
  return bytes;
}

TEST(Wire, InitiationFieldsLieWhereTheWhitepaperPutsThem) {
  const Bytes message = counting(148, 1);
  const auto parsed = parse_initiation(message).value();
  EXPECT_EQ(parsed.sender_index, 0x07060504u);
  EXPECT_EQ(parsed.ephemeral.front(), 8);
  EXPECT_EQ(parsed.sealed_static.front(), 40);
  EXPECT_EQ(parsed.sealed_timestamp.front(), 88);
  EXPECT_EQ(parsed.sealed_timestamp.back(), 115);
  const auto parts = mac_parts(message);
  EXPECT_EQ(parts.before_mac1.size(), 116u);
  EXPECT_EQ(parts.mac1.front(), 116);
  EXPECT_EQ(parts.before_mac2.size(), 132u);
  EXPECT_EQ(parts.mac2.front(), 132);
  Bytes expected = message;
  std::fill(expected.begin() + 116, expected.end(), std::uint8_t{0});
  EXPECT_EQ(encode(parsed), expected);
}

TEST(Wire, ResponseFieldsLieWhereTheWhitepaperPutsThem) {
  const Bytes message = counting(92, 2);
  const auto parsed = parse_response(message).value();
  EXPECT_EQ(parsed.sender_index, 0x07060504u);
  EXPECT_EQ(parsed.receiver_index, 0x0b0a0908u);
  EXPECT_EQ(parsed.ephemeral.front(), 12);
  EXPECT_EQ(parsed.sealed_nothing.front(), 44);
  EXPECT_EQ(mac_parts(message).mac1.front(), 60);
  EXPECT_EQ(mac_parts(message).mac2.front(), 76);
  Bytes expected = message;
  std::fill(expected.begin() + 60, expected.end(), std::uint8_t{0});
  EXPECT_EQ(encode(parsed), expected);
}

TEST(Wire, CookieReplyAndDataHeader) {
  const Bytes reply = counting(64, 3);
  const auto parsed = parse_cookie_reply(reply).value();
  EXPECT_EQ(parsed.receiver_index, 0x07060504u);
  EXPECT_EQ(parsed.nonce.front(), 8);
  EXPECT_EQ(parsed.sealed_cookie.front(), 32);
  EXPECT_EQ(encode(parsed), reply);

  const Bytes data = counting(32, 4);
  const auto header = parse_data_header(data).value();
  EXPECT_EQ(header.receiver_index, 0x07060504u);
  EXPECT_EQ(header.counter, 0x0f0e0d0c0b0a0908u);
  Bytes written(16);
  write(header, written);
  EXPECT_EQ(written, Bytes(data.begin(), data.begin() + 16));
}

TEST(Wire, RefusesEveryOtherLengthTypeAndReservedByte) {
  const std::pair<int, std::size_t> kinds[] = {{1, 148}, {2, 92}, {3, 64}};
  for (const auto& [type, length] : kinds) {
    for (std::size_t size = 0; size < 200; ++size) {
      Bytes message(size);
      if (size > 0) message[0] = static_cast<std::uint8_t>(type);
      EXPECT_EQ(type_of(message).has_value(), size == length) << type << " " << size;
    }
    for (std::size_t at = 1; at < 4; ++at) {
      Bytes message = counting(length, static_cast<std::uint8_t>(type));
      message[at] = 1;
      EXPECT_FALSE(type_of(message));
    }
  }
  for (int type = 0; type < 256; ++type) {
    Bytes message(148);
    message[0] = static_cast<std::uint8_t>(type);
    EXPECT_EQ(type_of(message).has_value(), type == 1 || type == 4) << type;
  }
  EXPECT_FALSE(type_of(counting(31, 4)));
  EXPECT_TRUE(type_of(counting(32, 4)));
  EXPECT_FALSE(parse_response(counting(148, 1)));
  EXPECT_FALSE(parse_initiation(counting(92, 2)));
}

}  // namespace
}  // namespace causeway::session::wire
