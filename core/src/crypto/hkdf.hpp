#pragma once

#include <string_view>

#include "base/bytes.hpp"

/// HKDF (RFC 5869) over HMAC-BLAKE2s, by OpenSSL. Any thread.
namespace causeway::crypto {

inline constexpr std::size_t kHkdfMaximumBytes = 255 * 32;

/// Derives `out` (1 to kHkdfMaximumBytes bytes) from secret `key_material` for the one purpose that `info`
/// names. The same arguments always give the same bytes.
void hkdf_blake2s(ByteView key_material, std::string_view info, MutableByteView out);

/// With a salt: Noise's HKDF(chaining key, input) is this with an empty info. An empty salt means none.
void hkdf_blake2s(ByteView salt, ByteView key_material, std::string_view info, MutableByteView out);

}  // namespace causeway::crypto
