#include "dataplane/demultiplex.hpp"

#include "packet/byte_order.hpp"

namespace causeway::dataplane {
namespace {

constexpr std::uint32_t kStunMagicCookie = 0x2112a442;  // RFC 8489 §5
constexpr std::size_t kStunHeaderBytes = 20;

}  // namespace

DatagramClass classify(ByteView datagram) {
  if (datagram.size() < 4) return DatagramClass::unknown;
  const std::uint8_t first = datagram[0];
  if (first >= 0x80) return DatagramClass::compact;
  if (first >= 0x40) return DatagramClass::channel_data;
  // WireGuard before STUN: message 0x0100 to 0x0400 with length 0 is no STUN method that anybody assigned.
  switch (packet::load_be32(datagram.data())) {
    case 0x04000000:
      return DatagramClass::data;
    case 0x01000000:
    case 0x02000000:
    case 0x03000000:
      return DatagramClass::handshake;
  }
  const bool is_stun =
      datagram.size() >= kStunHeaderBytes && packet::load_be32(datagram.data() + 4) == kStunMagicCookie;
  return is_stun ? DatagramClass::stun : DatagramClass::unknown;
}

}  // namespace causeway::dataplane
