// The sample of RFC 8489 appendix B.1: long-term credential, USERHASH, MESSAGE-INTEGRITY-SHA256. Nobody here
// has such a credential, so what counts is that the message is read safely and refused for the right reason.
#include <gtest/gtest.h>

#include "stun/attribute_walk.hpp"
#include "stun/message.hpp"

namespace causeway::stun {
namespace {

// As erratum 6268 corrects it: the published one has a wrong length and lacks PASSWORD-ALGORITHM.
const Bytes kCorrected{
    0x00, 0x01, 0x00, 0x90,                                                  // Binding request, length 144
    0x21, 0x12, 0xa4, 0x42,                                                  // magic cookie
    0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e,  // transaction id
    0x00, 0x1e, 0x00, 0x20,                                                  // USERHASH
    0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd, 0xa9, 0x52, 0xc6, 0x78, 0x04, 0x17, 0xda, 0x0f,  //
    0x24, 0x81, 0x94, 0x15, 0x56, 0x9e, 0x60, 0xb2, 0x05, 0xc4, 0x6e, 0x41, 0x40, 0x7f, 0x17, 0x04,  //
    0x00, 0x15, 0x00, 0x29,  // NONCE, 41 bytes and padding
    0x6f, 0x62, 0x4d, 0x61, 0x74, 0x4a, 0x6f, 0x73, 0x32, 0x41, 0x41, 0x41, 0x43, 0x66, 0x2f, 0x2f,  //
    0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36, 0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39,  //
    0x46, 0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x00, 0x00,                          //
    0x00, 0x14, 0x00, 0x0b,                                                  // REALM, 11 bytes
    0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00,  // "example.org" and padding
    0x00, 0x1d, 0x00, 0x04, 0x00, 0x02, 0x00, 0x00,                          // PASSWORD-ALGORITHM SHA-256
    0x00, 0x1c, 0x00, 0x20,                                                  // MESSAGE-INTEGRITY-SHA256
    0xb5, 0xc7, 0xbf, 0x00, 0x5b, 0x6c, 0x52, 0xa2, 0x1c, 0x51, 0xc5, 0xe8, 0x92, 0xf8, 0x19, 0x24,  //
    0x13, 0x62, 0x96, 0xcb, 0x92, 0x7c, 0x43, 0x14, 0x93, 0x09, 0x27, 0x8c, 0xc6, 0x51, 0x8e, 0x65,  //
};
constexpr std::uint16_t kUserhash = 0x001e, kPasswordAlgorithm = 0x001d;

TEST(Rfc8489AppendixB, IsWellFormed) {
  const auto header = peek_header(kCorrected);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->message_class, MessageClass::request);
  EXPECT_EQ(header->method, kBindingMethod);
  EXPECT_EQ(header->transaction.bytes[0], 0x78);
  EXPECT_EQ(header->transaction.bytes[11], 0x2e);
  EXPECT_TRUE(walk_attributes(kCorrected));
  EXPECT_EQ(peek_username(kCorrected), std::nullopt);
}

TEST(Rfc8489AppendixB, ItsCredentialIsNoneOfOurs) {
  EXPECT_EQ(unknown_required_attributes(kCorrected),
            (std::vector<std::uint16_t>{kUserhash, kPasswordAlgorithm}));
  const auto request = parse_binding_request(kCorrected, "TheMatrIX");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error(), ParseError::bad_fingerprint) << "no check of ICE is without one";
}

TEST(Rfc8489AppendixB, AsPublishedItsLengthIsWrong) {
  Bytes published = kCorrected;
  published[3] = 0x9c;
  EXPECT_EQ(peek_header(published), std::nullopt);
}

TEST(Rfc8489AppendixB, NoPrefixOfItIsAMessage) {
  for (std::size_t length = 0; length < kCorrected.size(); ++length) {
    EXPECT_FALSE(walk_attributes(ByteView{kCorrected}.first(length))) << length;
    Bytes fitted(kCorrected.begin(), kCorrected.begin() + static_cast<std::ptrdiff_t>(length));
    if (length < kHeaderBytes) continue;
    // The length field made to fit: then only the cuts between two attributes are well-formed.
    fitted[3] = static_cast<std::uint8_t>(length - kHeaderBytes);
    const bool is_between = length == 20 || length == 56 || length == 104 || length == 120 || length == 128;
    EXPECT_EQ(walk_attributes(fitted).has_value(), is_between) << length;
  }
}

}  // namespace
}  // namespace causeway::stun
