#include "framing.hpp"

#include <cstring>

#include "address.hpp"
#include "turn_codec.hpp"

namespace transport_turn {

namespace {

constexpr std::uint16_t kSendIndication = 0x0016;
constexpr std::uint16_t kDataIndication = 0x0017;
constexpr std::uint16_t kXorPeerAddress = 0x0012;
constexpr std::uint16_t kData = 0x0013;
constexpr std::size_t kAttributeHeaderBytes = 4;
constexpr std::uint8_t kCookie[4] = {0x21, 0x12, 0xa4, 0x42};

// Header, XOR-PEER-ADDRESS with an IPv6 address, and the header of DATA: it must fit in front of a packet.
constexpr std::size_t kMaxSendOverhead =
    kStunHeaderBytes + kAttributeHeaderBytes + 20 + kAttributeHeaderBytes;
static_assert(kMaxSendOverhead <= CW_PACKET_HEADROOM);
constexpr std::size_t kMaxData = 65'535 - kMaxSendOverhead;

std::uint16_t read16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }
void write16(std::uint8_t* at, std::size_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

void drop(cw_packet& packet, Drop why, DropCounters& drops) {
  packet.verdict = CW_PACKET_DROP;
  drops.count(why);
}

void pad(cw_packet& packet, std::size_t count) {
  std::memset(packet.bytes + packet.size, 0, count);
  packet.size += static_cast<std::uint32_t>(count);
}

void wrap_channel(cw_packet& packet, std::uint16_t channel, bool is_stream) {
  const std::size_t size = packet.size;
  packet.bytes -= kChannelHeaderBytes;
  packet.size += kChannelHeaderBytes;
  write16(packet.bytes, channel);
  write16(packet.bytes + 2, size);
  // §12.5: padding is for streams; the length does not tell of it.
  if (is_stream) pad(packet, padded(size) - size);
}

void wrap_send(cw_packet& packet, std::uint64_t id) {
  const std::size_t size = packet.size;
  const std::size_t octets = packet.peer.family == 4 ? 4 : 16;
  const std::size_t peer_bytes = 4 + octets;
  const std::size_t front = kStunHeaderBytes + kAttributeHeaderBytes + peer_bytes + kAttributeHeaderBytes;
  packet.bytes -= front;
  packet.size += static_cast<std::uint32_t>(front);
  std::uint8_t* at = packet.bytes;
  write16(at, kSendIndication);
  write16(at + 2, front - kStunHeaderBytes + padded(size));
  std::memcpy(at + 4, kCookie, 4);
  std::memset(at + 8, 0, 4);
  std::memcpy(at + 12, &id, 8);
  const std::uint8_t* mask = at + 4;
  std::uint8_t* peer = at + kStunHeaderBytes;
  write16(peer, kXorPeerAddress);
  write16(peer + 2, peer_bytes);
  peer[4] = 0;
  peer[5] = packet.peer.family == 4 ? 1 : 2;
  write16(peer + 6, packet.peer.port ^ read16(mask));
  for (std::size_t i = 0; i < octets; ++i)
    peer[8 + i] = packet.peer.octets[i] ^ mask[i];
  std::uint8_t* data = peer + kAttributeHeaderBytes + peer_bytes;
  write16(data, kData);
  write16(data + 2, size);
  pad(packet, padded(size) - size);
}

/// DATA and XOR-PEER-ADDRESS of an indication, the first of each; false if it is malformed. Attributes that
/// are not understood spoil an indication (RFC 8489 §6.3.2), and a server has no reason to put any in.
bool open_data_indication(cw_packet& packet) {
  const std::uint8_t* data = nullptr;
  std::size_t data_bytes = 0;
  cw_address peer{};
  for (std::size_t at = kStunHeaderBytes; at < packet.size;) {
    if (packet.size - at < kAttributeHeaderBytes) return false;
    const std::uint8_t* value = packet.bytes + at + kAttributeHeaderBytes;
    const std::uint16_t type = read16(packet.bytes + at);
    const std::size_t length = read16(packet.bytes + at + 2);
    if (packet.size - at - kAttributeHeaderBytes < padded(length)) return false;
    if (type == kXorPeerAddress && peer.family == 0) {
      const std::size_t octets = length == 8 && value[1] == 1 ? 4 : length == 20 && value[1] == 2 ? 16 : 0;
      if (octets == 0) return false;
      const std::uint8_t* mask = packet.bytes + 4;
      peer.family = octets == 4 ? 4 : 6;
      peer.port = static_cast<std::uint16_t>(read16(value + 2) ^ read16(mask));
      for (std::size_t i = 0; i < octets; ++i)
        peer.octets[i] = value[4 + i] ^ mask[i];
    } else if (type == kData && data == nullptr) {
      data = value;
      data_bytes = length;
    } else if (type < 0x8000) {
      return false;
    }
    at += kAttributeHeaderBytes + padded(length);
  }
  if (data == nullptr || peer.family == 0) return false;
  packet.bytes += data - packet.bytes;
  packet.size = static_cast<std::uint32_t>(data_bytes);
  packet.peer = peer;
  return true;
}

void unwrap_channel(cw_packet& packet, const RouteTable& routes, DropCounters& drops) {
  const std::size_t length = read16(packet.bytes + 2);
  // Padding may follow, also over UDP (§12.5); more than that is something else.
  if (packet.size < kChannelHeaderBytes + length || packet.size > kChannelHeaderBytes + padded(length))
    return drop(packet, Drop::malformed, drops);
  const Route* route = routes.find(read16(packet.bytes));
  if (route == nullptr) return drop(packet, Drop::unbound_channel, drops);
  packet.bytes += kChannelHeaderBytes;
  packet.size = static_cast<std::uint32_t>(length);
  packet.peer = route->peer;
  packet.verdict = CW_PACKET_PASS;
}

}  // namespace

std::string_view to_text(Drop drop) {
  switch (drop) {
    case Drop::no_permission:
      return "to a peer that the server does not let through yet";
    case Drop::too_long:
      return "to a peer, too long";
    case Drop::malformed:
      return "malformed";
    case Drop::unbound_channel:
      return "on a channel that is not bound";
    case Drop::not_permitted:
      return "from a peer without permission";
    case Drop::not_ours:
      return "of a link that is gone";
  }
  return "";
}

void wrap(cw_packet& packet, const RouteTable& routes, std::uint64_t id, DropCounters& drops) {
  if (packet.size > kMaxData) return drop(packet, Drop::too_long, drops);
  const Route* route = routes.find(packet.peer);
  if (route != nullptr && route->is_bound) {
    wrap_channel(packet, route->channel, routes.is_stream());
  } else {
    const Permission* permission = routes.find_permission(packet.peer);
    if (permission == nullptr || !permission->is_granted) return drop(packet, Drop::no_permission, drops);
    wrap_send(packet, id);
  }
  packet.verdict = CW_PACKET_PASS;
}

void unwrap(cw_packet& packet, const RouteTable& routes, DropCounters& drops) {
  if (packet.size < kChannelHeaderBytes) return drop(packet, Drop::malformed, drops);
  if ((packet.bytes[0] & 0xc0) == 0x40) return unwrap_channel(packet, routes, drops);
  const bool is_stun = packet.size >= kStunHeaderBytes && (packet.bytes[0] & 0xc0) == 0 &&
                       std::memcmp(packet.bytes + 4, kCookie, sizeof kCookie) == 0 &&
                       kStunHeaderBytes + read16(packet.bytes + 2) == packet.size;
  if (!is_stun) return drop(packet, Drop::malformed, drops);
  if (read16(packet.bytes) != kDataIndication) {
    packet.verdict = CW_PACKET_CONTROL;
    return;
  }
  if (!open_data_indication(packet)) return drop(packet, Drop::malformed, drops);
  // A permission is for an address: a peer behind a symmetric NAT comes from a port nobody knew of.
  if (routes.find_permission(packet.peer) == nullptr) return drop(packet, Drop::not_permitted, drops);
  packet.verdict = CW_PACKET_PASS;
}

std::int64_t frame(const std::uint8_t* bytes, std::size_t size) {
  if (size < 4) return 0;
  const std::size_t length = read16(bytes + 2);
  std::size_t whole = 0;
  if ((bytes[0] & 0xc0) == 0x40) {
    whole = kChannelHeaderBytes + padded(length);
  } else if ((bytes[0] & 0xc0) == 0 && length % 4 == 0) {
    if (size >= 8 && std::memcmp(bytes + 4, kCookie, sizeof kCookie) != 0) return -1;
    whole = kStunHeaderBytes + length;
  } else {
    return -1;
  }
  return size < whole ? 0 : static_cast<std::int64_t>(whole);
}

}  // namespace transport_turn
