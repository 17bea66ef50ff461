#include "stun/nat_discovery.hpp"

#include <algorithm>

namespace causeway::stun {
namespace {

constexpr std::uint16_t kChangeRequest = 0x0003;
constexpr std::uint16_t kOtherAddress = 0x802c;
// §7.2: the value's last byte has the two flags.
constexpr std::uint8_t kChangeAddress = 0x04, kChangePort = 0x02;

std::uint16_t read16(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

/// RFC 8489 §14.1, MAPPED-ADDRESS: zero, family, port, address.
std::optional<net::Endpoint> parse_address(ByteView value) {
  if (value.size() == 8 && value[1] == 1)
    return net::Endpoint{net::IpAddress::v4({value[4], value[5], value[6], value[7]}), read16(value, 2)};
  if (value.size() != 20 || value[1] != 2) return std::nullopt;
  std::array<std::uint8_t, 16> octets;
  std::copy_n(value.begin() + 4, octets.size(), octets.begin());
  return net::Endpoint{net::IpAddress::v6(octets), read16(value, 2)};
}

}  // namespace

Bytes encode_discovery_request(const TransactionId& transaction, ChangeRequest change) {
  Bytes bytes = encode_plain_binding_request(transaction);
  if (!change.address && !change.port) return bytes;
  bytes.resize(kHeaderBytes);  // a fingerprint would have to come last, and none is needed
  const auto flags =
      static_cast<std::uint8_t>((change.address ? kChangeAddress : 0) | (change.port ? kChangePort : 0));
  for (const std::uint8_t byte : {kChangeRequest >> 8, kChangeRequest & 0xff, 0, 4, 0, 0, 0, int{flags}})
    bytes.push_back(byte);
  bytes[2] = 0;
  bytes[3] = static_cast<std::uint8_t>(bytes.size() - kHeaderBytes);
  return bytes;
}

Result<DiscoveryResponse, ParseError> parse_discovery_response(ByteView datagram) {
  auto binding = parse_plain_binding_response(datagram);
  if (!binding) return binding.error();
  DiscoveryResponse response{*binding, std::nullopt};
  // Attributes lie inside the message: that was checked.
  for (std::size_t at = kHeaderBytes; at + 4 <= datagram.size();) {
    const std::size_t length = read16(datagram, at + 2);
    if (datagram.size() - at - 4 < length) break;
    if (read16(datagram, at) == kOtherAddress && !response.other_address)
      response.other_address = parse_address(datagram.subspan(at + 4, length));
    at += 4 + (length + 3) / 4 * 4;
  }
  return response;
}

}  // namespace causeway::stun
