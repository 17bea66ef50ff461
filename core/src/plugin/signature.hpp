#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

/// Detached signatures in minisign's format (https://jedisct1.github.io/minisign/): Ed25519 over the file
/// ("Ed") or over its BLAKE2b-512 hash ("ED", what minisign makes unless told otherwise).
namespace causeway::plugin {

struct SigningKey {
  std::array<std::uint8_t, 8> id{};
  std::array<std::uint8_t, 32> key{};
  friend bool operator==(const SigningKey&, const SigningKey&) = default;
};

/// The second line of a minisign.pub, "RWQ…".
std::optional<SigningKey> parse_signing_key(std::string_view text);

/// A .minisig is four short lines.
inline constexpr std::size_t kMaxSignatureBytes = 16 * 1024;

/// Whether `signature`, the text of a .minisig file, was made over `file` by one of `keys`.
Result<void> check_signature(ByteView file, std::string_view signature, std::span<const SigningKey> keys);

}  // namespace causeway::plugin
