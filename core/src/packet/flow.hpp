#pragma once

#include <cstdint>
#include <optional>

#include "packet/ip_view.hpp"

namespace causeway::packet {

/// What makes packets one flow.
struct FlowKey {
  AddressKey source;
  AddressKey destination;
  std::uint32_t ports = 0;
  std::uint8_t protocol = 0;
  friend bool operator==(const FlowKey&, const FlowKey&) = default;
};

/// A TCP or UDP packet as the coalescer sees it.
struct FlowPacket {
  FlowKey key;
  std::uint8_t ip_bytes = 0;      ///< up to the L4 header
  std::uint8_t header_bytes = 0;  ///< up to the payload, at most 100
  std::uint8_t tcp_flags = 0;
  std::uint32_t sequence = 0;
  std::size_t payload_bytes = 0;
  /// Carries data and nothing but data: may begin a frame, or join one.
  bool is_plain_data = false;

  bool is_tcp() const { return key.protocol == 6; }
  /// nullopt for anything without ports right behind a plain IP header: other protocols, fragments, IPv4
  /// options, IPv6 extension headers, lengths that lie.
  /// `is_partial`: its checksum is yet to be computed.
  static std::optional<FlowPacket> parse(const IpView& view, bool is_partial = false);
};

/// True when the headers of two packets of one flow differ in nothing but lengths, IPv4 ID, sequence number,
/// checksums and the TCP flags (which the caller judges).
bool have_equal_headers(const std::uint8_t* a, const std::uint8_t* b, const FlowPacket& shape);
/// The same of two TCP headers of one length.
bool have_equal_tcp_headers(const std::uint8_t* a, const std::uint8_t* b, std::size_t header_bytes);

}  // namespace causeway::packet
