#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "base/bytes.hpp"
#include "plugin/host_services.hpp"
#include "plugin/link_codec.hpp"

namespace causeway::relay::test {

/// Framing for tests: 'D', 4 octets of IPv4 address, 2 of the port, payload; 'C' is for the plugin. Over a
/// stream two bytes of length in front.
class ToyCodec final : public plugin::LinkCodec {
 public:
  static constexpr std::size_t kHeader = 7;
  explicit ToyCodec(bool is_stream = false) : front_(is_stream ? 2 : 0) {}

  void wrap(std::span<cw_packet> packets) noexcept override {
    for (cw_packet& packet : packets) {
      if (packet.peer.port == kRefusedPort) continue;
      const std::size_t inside = packet.size + kHeader;
      packet.bytes -= kHeader + front_;
      packet.size += static_cast<std::uint32_t>(kHeader + front_);
      std::uint8_t* at = packet.bytes;
      if (front_ > 0) {
        *at++ = static_cast<std::uint8_t>(inside >> 8);
        *at++ = static_cast<std::uint8_t>(inside & 0xff);
      }
      *at++ = 'D';
      std::memcpy(at, packet.peer.octets, 4);
      at[4] = static_cast<std::uint8_t>(packet.peer.port >> 8);
      at[5] = static_cast<std::uint8_t>(packet.peer.port & 0xff);
      packet.verdict = CW_PACKET_PASS;
    }
  }
  void unwrap(std::span<cw_packet> packets) noexcept override {
    for (cw_packet& packet : packets) {
      if (packet.size <= front_) continue;
      const std::uint8_t* at = packet.bytes + front_;
      if (*at == 'C') packet.verdict = CW_PACKET_CONTROL;
      if (*at != 'D' || packet.size < front_ + kHeader) continue;
      packet.peer = {};
      packet.peer.family = 4;
      std::memcpy(packet.peer.octets, at + 1, 4);
      packet.peer.port = static_cast<std::uint16_t>(at[5] << 8 | at[6]);
      packet.bytes += front_ + kHeader;
      packet.size -= static_cast<std::uint32_t>(front_ + kHeader);
      packet.verdict = CW_PACKET_PASS;
    }
  }
  std::int64_t frame(ByteView bytes) noexcept override {
    if (bytes.size() < 2) return 0;
    const std::size_t length = 2U + (std::size_t{bytes[0]} << 8 | bytes[1]);
    if (length == 2U + 0xffff) return -1;
    if (length == 2U + 0xfffe) return static_cast<std::int64_t>(bytes.size()) + 1;  // a lie
    return bytes.size() < length ? 0 : static_cast<std::int64_t>(length);
  }

  static constexpr std::uint16_t kRefusedPort = 9;

 private:
  std::size_t front_;
};

/// Two bytes of length, then the text.
inline Bytes message(std::string_view text) {
  Bytes bytes(2 + text.size());
  bytes[0] = static_cast<std::uint8_t>(text.size() >> 8);
  bytes[1] = static_cast<std::uint8_t>(text.size() & 0xff);
  std::copy(text.begin(), text.end(), bytes.begin() + 2);
  return bytes;
}

/// A peer's datagram, as the relay sends it.
inline Bytes relayed(const net::Endpoint& peer, std::string_view payload, bool is_stream = false) {
  std::string text(ToyCodec::kHeader + payload.size(), 'D');
  std::copy(peer.address.data(), peer.address.data() + 4, text.begin() + 1);
  text[5] = static_cast<char>(peer.port >> 8);
  text[6] = static_cast<char>(peer.port & 0xff);
  std::copy(payload.begin(), payload.end(), text.begin() + ToyCodec::kHeader);
  return is_stream ? message(text) : Bytes(text.begin(), text.end());
}

inline std::string text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace causeway::relay::test
