#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "packet/address_key.hpp"

namespace causeway::packet {

inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIpv6Fragment = 44;
inline constexpr std::uint8_t kIcmpV6 = 58;

inline constexpr std::size_t kIpv4HeaderBytes = 20;
inline constexpr std::size_t kIpv6HeaderBytes = 40;

/// The header of one IPv4 or IPv6 packet, read once and within bounds. Borrows the packet.
struct IpView {
  const std::uint8_t* data = nullptr;
  std::uint32_t total_bytes = 0;  ///< by the header; what a buffer holds behind it is padding
  std::uint8_t header_bytes =
      0;                      ///< IPv4 with its options; IPv6 always 40, extension headers count as payload
  std::uint8_t protocol = 0;  ///< IPv4 protocol, IPv6 first next header
  bool is_v4 = false;
  bool dont_fragment = false;  ///< always true of IPv6
  bool is_fragment = false;    ///< of IPv6: only when the fragment header comes first
  AddressKey source;
  AddressKey destination;

  /// nullopt when this is neither IPv4 nor IPv6, a length is impossible or larger than `buffer`, or an IPv6
  /// header spells an IPv4-mapped address (RFC 4291 §2.5.5.2: never on the wire).
  static std::optional<IpView> parse(ByteView buffer);

  ByteView packet() const { return {data, total_bytes}; }
  ByteView payload() const { return packet().subspan(header_bytes); }
  bool has_options() const { return is_v4 && header_bytes > kIpv4HeaderBytes; }
  /// IPv4 fragment offset in bytes; 0 for the first fragment and for whole packets.
  std::size_t fragment_offset() const;
};

}  // namespace causeway::packet
