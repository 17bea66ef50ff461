#include "crypto/blake2s.hpp"

#include <gtest/gtest.h>

namespace causeway::crypto {
namespace {

TEST(Blake2s, PublishedHash) {  // RFC 7693 appendix B
  EXPECT_EQ(to_hex(blake2s({as_bytes("abc")})),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  EXPECT_EQ(to_hex(blake2s({as_bytes("a"), {}, as_bytes("bc")})), to_hex(blake2s({as_bytes("abc")})));
}

// Made with Python's hashlib (digest_size=16).
TEST(Blake2s, KeyedWithSixteenBytesOfOutput) {
  Bytes key(16), long_key(32), message(100);
  for (std::size_t i = 0; i < message.size(); ++i)
    message[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < long_key.size(); ++i)
    long_key[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(to_hex(blake2s_mac16(key, {message})), "56301549e674c3b72a0e1dafb7a2c620");
  EXPECT_EQ(to_hex(blake2s_mac16(long_key, {message})), "0b67d33f8b859c3157fbabd9e6e47ed0");
  EXPECT_EQ(to_hex(blake2s_mac16(key, {})), "af4e5d3bb230e9ff9096ca6f7c501f76");
  EXPECT_EQ(blake2s_mac16(key, {ByteView{message}.first(7), ByteView{message}.subspan(7)}),
            blake2s_mac16(key, {message}));
}

}  // namespace
}  // namespace causeway::crypto
