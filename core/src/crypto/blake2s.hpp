#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.hpp"

/// BLAKE2s (RFC 7693) by OpenSSL. Any thread.
namespace causeway::crypto {

inline constexpr std::size_t kBlake2sBytes = 32;
using Blake2sHash = std::array<std::uint8_t, kBlake2sBytes>;
inline constexpr std::size_t kBlake2sMacBytes = 16;
using Blake2sMac = std::array<std::uint8_t, kBlake2sMacBytes>;

/// The hash of the concatenation of `parts`.
Blake2sHash blake2s(std::initializer_list<ByteView> parts);

/// BLAKE2s keyed with 16 or 32 bytes and with an output length of 16: not a truncation of a longer one, the
/// length is part of the hash's parameters. WireGuard's Mac().
Blake2sMac blake2s_mac16(ByteView key, std::initializer_list<ByteView> parts);

}  // namespace causeway::crypto
