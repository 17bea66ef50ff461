#include "input.hpp"
#include "stun/attribute_walk.hpp"
#include "stun/message.hpp"

// Raw datagrams: nothing unauthentic passes, and every reader stays inside.
CAUSEWAY_FUZZ_TARGET(stun) {
  const ByteView datagram = input.rest();
  const auto header = stun::peek_header(datagram);
  if (header) {
    const auto username = stun::peek_username(datagram);
    require(!username || username->size() <= datagram.size(), "a user name longer than its message");
  }
  if (const auto walk = stun::walk_attributes(datagram)) {
    require(header.has_value(), "attributes without a header");
    require(!walk->integrity || *walk->integrity + 24 <= datagram.size(), "MESSAGE-INTEGRITY outside");
    require(!walk->fingerprint || *walk->fingerprint + 8 == datagram.size(), "FINGERPRINT is not last");
  }
  stun::is_binding_indication(datagram);
  require(stun::unknown_required_attributes(datagram).size() <= 16, "more than 16 unknown attributes");
  (void)stun::parse_plain_binding_response(datagram);
  // Nobody who does not know the password gets through: 2^-160 is never.
  require(!stun::parse_binding_request(datagram, "hostile input knows nothing"), "a forged request");
  const auto response = stun::parse_binding_response(datagram, "hostile input knows nothing");
  require(!response || response->error, "a forged success");
}
