#include <array>

#include "input.hpp"
#include "stun/attribute_walk.hpp"
#include "stun/codec.hpp"
#include "stun/message.hpp"

// Any attributes under a right MESSAGE-INTEGRITY: the readers behind the credential, and that what they read
// can be written and read again.
CAUSEWAY_FUZZ_TARGET(stun_authentic) {
  constexpr std::string_view kPassword = "the right password";
  // RFC 8489 §5: Binding request, indication, success response, error response.
  constexpr std::array<std::uint16_t, 4> kTypes{0x0001, 0x0011, 0x0101, 0x0111};
  const std::uint16_t type = kTypes[input.below(4)];
  const ByteView attributes = input.take(1024);
  const std::size_t padded = attributes.size() / 4 * 4;
  Bytes message{static_cast<std::uint8_t>(type >> 8),
                static_cast<std::uint8_t>(type),
                static_cast<std::uint8_t>(padded >> 8),
                static_cast<std::uint8_t>(padded),
                0x21,
                0x12,
                0xa4,
                0x42};
  message.resize(stun::kHeaderBytes, 7);
  message.insert(message.end(), attributes.begin(), attributes.begin() + static_cast<std::ptrdiff_t>(padded));
  if (!stun::walk_attributes(message)) return;
  const Bytes sealed = stun::CodecMessage(message).finish(kPassword, true);
  const auto request = stun::parse_binding_request(sealed, kPassword);
  if (request) {
    const auto again =
        stun::parse_binding_request(stun::encode_binding_request(*request, kPassword), kPassword);
    require(again && *again == *request, "a request that was read differs when written");
  }
  require(!stun::parse_binding_request(sealed, "another password"), "the wrong password is right");
  (void)stun::parse_binding_response(sealed, kPassword);
  (void)stun::parse_plain_binding_response(sealed);
  stun::unknown_required_attributes(sealed);
}
