#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "causeway/types.h"

namespace candidates_stun {

using TransactionId = std::array<std::uint8_t, 12>;
inline constexpr std::size_t kHeaderBytes = 20;  // RFC 8489 §5

/// A Binding request with no attributes: RFC 8489 §6.1 makes SOFTWARE optional, and it would name us.
std::array<std::uint8_t, kHeaderBytes> encode_binding_request(const TransactionId& id);

struct BindingResponse {
  TransactionId id;
  bool is_error = false;             ///< an error response; the other fields mean nothing then
  std::optional<cw_address> mapped;  ///< XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS (servers of RFC 3489)
};
/// nullopt unless the bytes are one well-formed Binding response without unknown comprehension-required
/// attributes.
std::optional<BindingResponse> parse_binding_response(const std::uint8_t* bytes, std::size_t size);

}  // namespace candidates_stun
