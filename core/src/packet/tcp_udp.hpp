#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway::packet {

// RFC 9293 §3.1 and RFC 768, as far as offloads need them.

inline constexpr std::size_t kTcpHeaderBytes = 20;  ///< without options
inline constexpr std::size_t kUdpHeaderBytes = 8;
inline constexpr std::size_t kTcpFlagsOffset = 13;
inline constexpr std::size_t kTcpChecksumOffset = 16;
inline constexpr std::size_t kUdpChecksumOffset = 6;

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;
inline constexpr std::uint8_t kTcpUrg = 0x20;
inline constexpr std::uint8_t kTcpEce = 0x40;
inline constexpr std::uint8_t kTcpCwr = 0x80;

/// What the data offset says, options included; below 20 is a lie.
inline std::size_t tcp_header_bytes(const std::uint8_t* tcp) { return std::size_t{tcp[12]} / 16 * 4; }

}  // namespace causeway::packet
