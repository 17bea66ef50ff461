#pragma once

#include <optional>

#include "stun/message.hpp"

/// NAT behaviour discovery (RFC 5780): what it adds to a plain Binding exchange with a STUN server.
namespace causeway::stun {

/// CHANGE-REQUEST (§7.2): answer from another of your addresses, or ports.
struct ChangeRequest {
  bool address = false;
  bool port = false;
};
Bytes encode_discovery_request(const TransactionId& transaction, ChangeRequest change = {});

struct DiscoveryResponse {
  BindingResponse binding;
  /// OTHER-ADDRESS (§7.4): what the server would answer from, both changed. Absent: it cannot.
  std::optional<net::Endpoint> other_address;
};
Result<DiscoveryResponse, ParseError> parse_discovery_response(ByteView datagram);

}  // namespace causeway::stun
