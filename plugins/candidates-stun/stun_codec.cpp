#include "stun_codec.hpp"

#include <algorithm>
#include <cstring>

namespace candidates_stun {

namespace {

constexpr std::uint32_t kMagicCookie = 0x2112a442;  // RFC 8489 §5
constexpr std::uint16_t kBindingRequest = 0x0001;
constexpr std::uint16_t kBindingSuccess = 0x0101;
constexpr std::uint16_t kBindingError = 0x0111;
constexpr std::uint16_t kMappedAddress = 0x0001;
constexpr std::uint16_t kXorMappedAddress = 0x0020;

std::uint16_t read16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

/// RFC 8489 §14: attributes below 0x8000 must be understood or the response is discarded (§6.3.1). These are
/// the ones that may come in a Binding response and change nothing for us: the addresses, USERNAME,
/// MESSAGE-INTEGRITY, ERROR-CODE, UNKNOWN-ATTRIBUTES, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, and RFC 3489's
/// SOURCE-ADDRESS, CHANGED-ADDRESS and REFLECTED-FROM.
bool is_understood(std::uint16_t type) {
  static constexpr std::uint16_t kKnown[] = {kMappedAddress, 0x0004, 0x0005, 0x0006,
                                             0x0008,         0x0009, 0x000a, 0x000b,
                                             0x0014,         0x0015, 0x001c, kXorMappedAddress};
  return type >= 0x8000 || std::find(std::begin(kKnown), std::end(kKnown), type) != std::end(kKnown);
}

/// §14.1 and §14.2: zero byte, family (1 or 2), port, address. `key`: magic cookie and transaction id, or
/// null.
std::optional<cw_address> parse_address(const std::uint8_t* value, std::size_t size,
                                        const std::uint8_t* key) {
  if (size < 4) return std::nullopt;
  const std::size_t octets = value[1] == 1 ? 4 : value[1] == 2 ? 16 : 0;
  if (octets == 0 || size != 4 + octets) return std::nullopt;
  cw_address address{};
  address.family = octets == 4 ? 4 : 6;
  address.port = read16(value + 2);
  std::memcpy(address.octets, value + 4, octets);
  if (key != nullptr) {
    address.port = static_cast<std::uint16_t>(address.port ^ read16(key));
    for (std::size_t i = 0; i < octets; ++i)
      address.octets[i] ^= key[i];
  }
  return address;
}

}  // namespace

std::array<std::uint8_t, kHeaderBytes> encode_binding_request(const TransactionId& id) {
  std::array<std::uint8_t, kHeaderBytes> bytes{};
  bytes[1] = kBindingRequest;
  for (std::size_t i = 0; i < 4; ++i)
    bytes[4 + i] = static_cast<std::uint8_t>(kMagicCookie >> (24 - 8 * i));
  std::copy(id.begin(), id.end(), bytes.begin() + 8);
  return bytes;
}

std::optional<BindingResponse> parse_binding_response(const std::uint8_t* bytes, std::size_t size) {
  if (size < kHeaderBytes || size % 4 != 0 || read16(bytes + 2) != size - kHeaderBytes) return std::nullopt;
  const auto expected = encode_binding_request({});
  if (std::memcmp(bytes + 4, expected.data() + 4, 4) != 0) return std::nullopt;
  const std::uint16_t type = read16(bytes);
  if (type != kBindingSuccess && type != kBindingError) return std::nullopt;
  BindingResponse response;
  response.is_error = type == kBindingError;
  std::copy_n(bytes + 8, response.id.size(), response.id.begin());

  std::optional<cw_address> plain;
  for (std::size_t at = kHeaderBytes; at < size;) {
    if (size - at < 4) return std::nullopt;
    const std::uint16_t attribute = read16(bytes + at);
    const std::size_t length = read16(bytes + at + 2);
    const std::size_t padded = (length + 3) & ~std::size_t{3};
    if (size - at - 4 < padded) return std::nullopt;
    const std::uint8_t* value = bytes + at + 4;
    if (!is_understood(attribute)) return std::nullopt;
    // The first of a kind counts (§14).
    if (attribute == kXorMappedAddress && !response.mapped)
      response.mapped = parse_address(value, length, bytes + 4);
    if (attribute == kMappedAddress && !plain) plain = parse_address(value, length, nullptr);
    at += 4 + padded;
  }
  if (!response.mapped) response.mapped = plain;
  return response;
}

}  // namespace candidates_stun
