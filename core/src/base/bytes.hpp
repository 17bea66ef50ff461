#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace causeway {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes);
/// nullopt unless `text` is an even number of hexadecimal digits and nothing else.
std::optional<Bytes> from_hex(std::string_view text);

/// Standard alphabet with padding, as `wg` prints keys.
std::string to_base64(ByteView bytes);
/// Strict: canonical padding, no white space. nullopt otherwise.
std::optional<Bytes> from_base64(std::string_view text);
/// URL-safe alphabet without padding (join tokens).
std::string to_base64url(ByteView bytes);
std::optional<Bytes> from_base64url(std::string_view text);

/// Overwrites memory in a way the compiler may not remove.
void wipe(MutableByteView bytes);
/// Compares in time that depends on the sizes alone.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace causeway
