#include "stun/attribute_walk.hpp"

#include <algorithm>

namespace causeway::stun {
namespace {

constexpr std::uint16_t kUsername = 0x0006;
constexpr std::uint16_t kMessageIntegrity = 0x0008;
constexpr std::uint16_t kMessageIntegritySha256 = 0x001C;
constexpr std::uint16_t kFingerprint = 0x8028;
constexpr std::uint16_t kFirstOptional = 0x8000;
constexpr std::size_t kMaxNamedUnknown = 16;

/// Comprehension-required attributes that a Binding message may have (RFC 8489 §18.3, RFC 8445 §16.1).
constexpr std::array<std::uint16_t, 11> kKnown{
    0x0001,                   // MAPPED-ADDRESS
    kUsername,                //
    kMessageIntegrity,        //
    0x0009,                   // ERROR-CODE
    0x000A,                   // UNKNOWN-ATTRIBUTES
    0x0014,                   // REALM
    0x0015,                   // NONCE
    kMessageIntegritySha256,  // sent beside MESSAGE-INTEGRITY by newer agents; the older one is what we
                              // verify
    0x0020,                   // XOR-MAPPED-ADDRESS
    0x0024,                   // PRIORITY
    0x0025,                   // USE-CANDIDATE
};

std::uint16_t read_u16(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

}  // namespace

std::optional<Header> peek_header(ByteView datagram) {
  if (datagram.size() < kHeaderBytes || datagram.size() > kMaxMessageBytes) return std::nullopt;
  const std::uint16_t type = read_u16(datagram, 0);
  const std::size_t length = read_u16(datagram, 2);
  const std::uint32_t cookie =
      static_cast<std::uint32_t>(read_u16(datagram, 4)) << 16 | read_u16(datagram, 6);
  if ((type & 0xC000) != 0 || cookie != kMagicCookie) return std::nullopt;
  if (length % 4 != 0 || length + kHeaderBytes != datagram.size()) return std::nullopt;
  Header header{};
  // RFC 8489 §5: C1 is bit 8, C0 is bit 4; the method's bits lie around them.
  switch ((type >> 7 & 2) | (type >> 4 & 1)) {
    case 0:
      header.message_class = MessageClass::request;
      break;
    case 1:
      header.message_class = MessageClass::indication;
      break;
    case 2:
      header.message_class = MessageClass::success_response;
      break;
    default:
      header.message_class = MessageClass::error_response;
      break;
  }
  header.method = static_cast<std::uint16_t>((type & 0x000F) | (type & 0x00E0) >> 1 | (type & 0x3E00) >> 2);
  std::copy_n(datagram.begin() + 8, header.transaction.bytes.size(), header.transaction.bytes.begin());
  return header;
}

std::optional<std::string_view> peek_username(ByteView datagram) {
  for (std::size_t at = kHeaderBytes; at + 4 <= datagram.size();) {
    const std::size_t length = read_u16(datagram, at + 2);
    if (length > datagram.size() - at - 4) return std::nullopt;
    const std::uint16_t type = read_u16(datagram, at);
    if (type == kUsername) return as_text(datagram.subspan(at + 4, length));
    if (type == kMessageIntegrity) return std::nullopt;
    at += 4 + (length + 3) / 4 * 4;
  }
  return std::nullopt;
}

std::optional<AttributeWalk> walk_attributes(ByteView datagram) {
  const auto header = peek_header(datagram);
  if (!header) return std::nullopt;
  AttributeWalk walk;
  walk.header = *header;
  for (std::size_t at = kHeaderBytes; at < datagram.size();) {
    if (walk.fingerprint || datagram.size() - at < 4) return std::nullopt;
    const std::uint16_t type = read_u16(datagram, at);
    const std::size_t length = read_u16(datagram, at + 2);
    const std::size_t padded = (length + 3) / 4 * 4;
    if (padded > datagram.size() - at - 4) return std::nullopt;
    if (type == kFingerprint) {
      if (length != 4) return std::nullopt;
      walk.fingerprint = at;
    } else if (walk.integrity) {
      // RFC 8489 §14.5: what follows MESSAGE-INTEGRITY is not protected by it and is ignored.
    } else if (type == kMessageIntegrity) {
      if (length != 20) return std::nullopt;
      walk.integrity = at;
    } else if (type < kFirstOptional && std::find(kKnown.begin(), kKnown.end(), type) == kKnown.end() &&
               walk.unknown_required.size() < kMaxNamedUnknown) {
      walk.unknown_required.push_back(type);
    }
    at += 4 + padded;
  }
  return walk;
}

std::vector<std::uint16_t> unknown_required_attributes(ByteView datagram) {
  const auto walk = walk_attributes(datagram);
  return walk ? walk->unknown_required : std::vector<std::uint16_t>{};
}

}  // namespace causeway::stun
