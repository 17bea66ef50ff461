#include "base/bytes.hpp"
#include "input.hpp"
#include "net/endpoint.hpp"
#include "protocol/join_token.hpp"

// Addresses, prefixes, host names with ports, and the alphabets: what is read is read the same after being
// written.
CAUSEWAY_FUZZ_TARGET(text_forms) {
  const ByteView bytes = input.rest();
  const std::string_view text = as_text(bytes);
  if (const auto value = net::IpAddress::parse(text))
    require(net::IpAddress::parse(value->to_string()) == value, "address");
  if (const auto value = net::Endpoint::parse(text))
    require(net::Endpoint::parse(value->to_string()) == value, "endpoint");
  if (const auto value = net::Prefix::parse(text)) {
    require(net::Prefix::parse(value->to_string()) == value, "prefix");
    require(value->contains(value->address), "a prefix without its own address");
  }
  if (const auto value = protocol::HostPort::parse(text)) {
    require(protocol::HostPort::parse(value->to_string()) == value, "host and port");
  }
  if (const auto value = from_hex(text)) require(from_hex(to_hex(*value)) == value, "hex");
  if (const auto value = from_base64(text)) require(to_base64(*value) == text, "base64 with two spellings");
  if (const auto value = from_base64url(text))
    require(to_base64url(*value) == text, "base64url with two spellings");
  require(from_base64(to_base64(bytes)) == Bytes(bytes.begin(), bytes.end()), "base64");
  require(from_base64url(to_base64url(bytes)) == Bytes(bytes.begin(), bytes.end()), "base64url");
}
