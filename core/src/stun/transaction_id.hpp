#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>

namespace causeway {
class RandomSource;
}

namespace causeway::stun {

/// The 96 random bits that name a STUN transaction (RFC 8489 §5).
struct TransactionId {
  std::array<std::uint8_t, 12> bytes{};
  friend auto operator<=>(const TransactionId&, const TransactionId&) = default;
};

TransactionId make_transaction_id(RandomSource& random);

}  // namespace causeway::stun

template <>
struct std::hash<causeway::stun::TransactionId> {
  // Our own ids are uniform already, and only ours are ever stored.
  std::size_t operator()(const causeway::stun::TransactionId& id) const noexcept {
    std::size_t word;
    std::memcpy(&word, id.bytes.data(), sizeof word);
    return word;
  }
};
