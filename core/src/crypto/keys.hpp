#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace causeway::crypto {

inline constexpr std::size_t kKeyBytes = 32;

/// A public 32-byte key; `Tag` keeps identities, session keys and the like apart at compile time.
template <class Tag>
struct PublicBytes {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  std::string to_base64() const { return causeway::to_base64(bytes); }
  static std::optional<PublicBytes> from_base64(std::string_view text) {
    const auto decoded = causeway::from_base64(text);
    return decoded ? from_bytes(*decoded) : std::nullopt;
  }
  static std::optional<PublicBytes> from_bytes(ByteView raw) {
    if (raw.size() != kKeyBytes) return std::nullopt;
    PublicBytes made;
    std::copy(raw.begin(), raw.end(), made.bytes.begin());
    return made;
  }
  friend auto operator<=>(const PublicBytes&, const PublicBytes&) = default;
};

/// A secret 32-byte key. Wiped when it dies; never compared, printed or hashed.
template <class Tag>
struct SecretBytes {
  std::array<std::uint8_t, kKeyBytes> bytes{};

  SecretBytes() = default;
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = default;
  ~SecretBytes() { wipe(bytes); }
  static std::optional<SecretBytes> from_bytes(ByteView raw) {
    if (raw.size() != kKeyBytes) return std::nullopt;
    SecretBytes made;
    std::copy(raw.begin(), raw.end(), made.bytes.begin());
    return made;
  }
};

/// X25519: the WireGuard static key of a node.
using SessionPublicKey = PublicBytes<struct SessionTag>;
using SessionSecretKey = SecretBytes<struct SessionTag>;
/// Ed25519: who a node is. The secret is the 32-byte seed.
using IdentityPublicKey = PublicBytes<struct IdentityTag>;
using IdentitySecretKey = SecretBytes<struct IdentityTag>;
/// Keys of AEADs, and WireGuard's optional preshared key (all zero: none).
using SymmetricKey = SecretBytes<struct SymmetricTag>;
using PresharedKey = SecretBytes<struct PresharedTag>;

}  // namespace causeway::crypto

template <class Tag>
struct std::hash<causeway::crypto::PublicBytes<Tag>> {
  // Keys are uniform already: their first word is as good a hash as any, and map keys are authenticated ones.
  std::size_t operator()(const causeway::crypto::PublicBytes<Tag>& key) const noexcept {
    std::size_t word;
    std::memcpy(&word, key.bytes.data(), sizeof word);
    return word;
  }
};
