#pragma once

#include <cstdint>

#include "packet/byte_order.hpp"

/// Explicit congestion notification across a tunnel (RFC 6040): going in, the outer header gets the inner
/// one's two bits; coming out, a congestion mark that the outer one met is not lost.
namespace causeway::packet {

inline constexpr std::uint8_t kEcnMask = 3;
inline constexpr std::uint8_t kNotEct = 0;
inline constexpr std::uint8_t kEct1 = 1;
inline constexpr std::uint8_t kCongestionExperienced = 3;

/// The two bits of an IPv4 or IPv6 header.
inline std::uint8_t ecn_of(const std::uint8_t* ip, bool is_v4) {
  return (is_v4 ? ip[1] : static_cast<std::uint8_t>(ip[1] >> 4)) & kEcnMask;
}

/// Figure 4 of RFC 6040: puts what `outer` says into the inner header, its checksum included. False: the
/// packet is to be dropped, which is all the signal that a sender without ECN understands.
bool decapsulate_ecn(std::uint8_t* ip, bool is_v4, std::uint8_t outer);

}  // namespace causeway::packet
