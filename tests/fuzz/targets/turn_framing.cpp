#include <cstring>

#include "input.hpp"
#include "transport-turn/framing.hpp"

// What data threads do with a link's bytes: nothing reaches outside of the packet, and what is wrapped is
// unwrapped as it was.
CAUSEWAY_FUZZ_TARGET(turn_framing) {
  using namespace transport_turn;
  const std::uint8_t options = input.byte();
  cw_address peer{};
  peer.family = (options & 1) != 0 ? 6 : 4;
  peer.port = input.u16();
  const ByteView octets = input.take(peer.family == 6 ? 16 : 4);
  std::memcpy(peer.octets, octets.data(), octets.size());
  const auto channel = static_cast<std::uint16_t>(kFirstChannel + input.u16() % 0x1000);
  const bool is_stream = (options & 2) != 0;
  cw_address ip = peer;
  ip.port = 0;
  const RouteTable routes({{peer, channel, (options & 4) != 0}}, {{ip, true}}, is_stream);
  DropCounters drops;

  const ByteView payload = input.rest();
  Bytes buffer(CW_PACKET_HEADROOM + payload.size() + CW_PACKET_TAILROOM);
  std::copy(payload.begin(), payload.end(), buffer.begin() + CW_PACKET_HEADROOM);
  const auto is_inside = [&](const cw_packet& packet) {
    return packet.bytes >= buffer.data() && packet.bytes + packet.size <= buffer.data() + buffer.size();
  };
  cw_packet packet{};
  packet.struct_size = sizeof packet;
  packet.bytes = buffer.data() + CW_PACKET_HEADROOM;
  packet.size = static_cast<std::uint32_t>(payload.size());
  require(frame(packet.bytes, packet.size) <= static_cast<std::int64_t>(payload.size()),
          "a frame beyond its bytes");

  if ((options & 8) != 0) {
    unwrap(packet, routes, drops);
    require(is_inside(packet), "unwrapped outside");
    require(packet.verdict != CW_PACKET_PASS || packet.peer.family == 4 || packet.peer.family == 6,
            "a packet of nobody");
    return;
  }
  packet.peer = peer;
  wrap(packet, routes, options, drops);
  if (packet.verdict != CW_PACKET_PASS) return;
  require(is_inside(packet), "wrapped outside");
  if (is_stream || (options & 4) == 0)
    require(frame(packet.bytes, packet.size) == static_cast<std::int64_t>(packet.size),
            "a frame of another length");
  // The server makes a Data indication of a Send indication; all but the method is the same (RFC 8656 §18).
  if ((packet.bytes[0] & 0xc0) == 0) packet.bytes[1] = 0x17;
  unwrap(packet, routes, drops);
  require(packet.verdict == CW_PACKET_PASS, "what was wrapped does not come through");
  require(packet.size == payload.size() && std::equal(payload.begin(), payload.end(), packet.bytes),
          "what was wrapped comes out differently");
  require(std::memcmp(&packet.peer, &peer, sizeof peer) == 0, "from another peer");
}
