#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace causeway::dataplane {

/// What a datagram on the shared port is, by its first bytes; the classes are disjoint (RFC 7983 §7 and
/// ours).
enum class DatagramClass : std::uint8_t {
  data,          ///< WireGuard type 4
  handshake,     ///< WireGuard types 1 to 3
  stun,          ///< first two bits 00 and the magic cookie
  channel_data,  ///< 0x40 to 0x7F: TURN, only from a server in use (RFC 8656 §12)
  compact,       ///< 0x80 and above
  unknown,
};

DatagramClass classify(ByteView datagram);

}  // namespace causeway::dataplane
