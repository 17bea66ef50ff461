#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace causeway::packet {

// Unaligned loads and stores in network order.

inline std::uint16_t load_be16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(std::uint16_t{from[0]} << 8 | from[1]);
}
inline std::uint32_t load_be32(const std::uint8_t* from) {
  return std::uint32_t{load_be16(from)} << 16 | load_be16(from + 2);
}
inline std::uint64_t load_be64(const std::uint8_t* from) {
  return std::uint64_t{load_be32(from)} << 32 | load_be32(from + 4);
}
inline void store_be16(std::uint8_t* to, std::uint16_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}
inline void store_be32(std::uint8_t* to, std::uint32_t value) {
  store_be16(to, static_cast<std::uint16_t>(value >> 16));
  store_be16(to + 2, static_cast<std::uint16_t>(value));
}

inline std::uint32_t load_le32(const std::uint8_t* from) {
  return std::uint32_t{from[3]} << 24 | std::uint32_t{from[2]} << 16 | std::uint32_t{from[1]} << 8 | from[0];
}

}  // namespace causeway::packet
