#include "protocol/join_token.hpp"

#include "input.hpp"

// A pasted token: as text, and as the JSON inside so that the base64 is no wall.
CAUSEWAY_FUZZ_TARGET(join_token) {
  const bool is_inside = input.flag();
  const ByteView rest = input.rest();
  const std::string text = is_inside ? "cw1." + to_base64url(rest) : std::string(as_text(rest));
  const auto token = protocol::JoinToken::parse(text);
  if (!token) return;
  const auto again = protocol::JoinToken::parse(token->format());
  require(again && *again == *token, "a token changes by being written");
  require(!token->servers.empty() && (!token->pins.empty() || token->ca),
          "a token that names no server, or trusts any");
  require(protocol::JoinToken::parse(token->without_secret().format()).has_value(),
          "a token without secret is none");
}
