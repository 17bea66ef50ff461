#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "stun/message.hpp"

namespace causeway::stun {

/// What our own bounds check found in a message, before the codec reads any of it. Offsets point at an
/// attribute's 4-byte header.
struct AttributeWalk {
  Header header{};
  std::optional<std::size_t> integrity;    ///< MESSAGE-INTEGRITY, of exactly 20 bytes
  std::optional<std::size_t> fingerprint;  ///< FINGERPRINT, of exactly 4 bytes and the last attribute
  /// Unknown comprehension-required attributes in front of MESSAGE-INTEGRITY; at most 16 are named.
  std::vector<std::uint16_t> unknown_required;
};

/// nullopt unless every attribute lies inside the message, the message fills the datagram, and
/// MESSAGE-INTEGRITY and FINGERPRINT are where RFC 8489 §14.5 and §14.7 want them.
std::optional<AttributeWalk> walk_attributes(ByteView datagram);

}  // namespace causeway::stun
