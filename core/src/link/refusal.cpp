#include "link/refusal.hpp"

#include <fmt/format.h>

namespace causeway::link {
namespace {

constexpr std::string_view kNewToken =
    "ask for a new one (`causeway-server token`) and use `causeway join TOKEN`";

/// The server's words reach a terminal: control characters and length are taken out.
std::string printable(std::string_view text) {
  std::string clean;
  for (const char c : text.substr(0, 200))
    clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return clean;
}

}  // namespace

Refusal explain_refusal(const protocol::RpcError& error) {
  using protocol::ErrorCode;
  switch (error.code) {
    case ErrorCode::token_invalid:
      return {
          true,
          fmt::format(
              "the server does not accept the join token: it is unknown, revoked or of another network: {}",
              kNewToken)};
    case ErrorCode::token_expired:
      return {true, fmt::format("the join token has expired: {}", kNewToken)};
    case ErrorCode::token_used:
      return {true, fmt::format("the join token is used up by other nodes: {}", kNewToken)};
    case ErrorCode::refused:
      return {true, fmt::format("the server does not admit this node ({}): if it was removed or revoked, ask "
                                "for a new join token and use `causeway join TOKEN`",
                                printable(error.message))};
    case ErrorCode::name_taken:
      return {true,
              "another node of the network has this name: choose another one (causewayd --name NAME, or "
              "\"name\" in the configuration)"};
    case ErrorCode::pool_exhausted:
      return {false, "the server has no free virtual address: a larger pool is needed there"};
    case ErrorCode::no_such_user:
      return {false,
              fmt::format("{}: `causeway peers` lists the nodes known; a user is there once a token was made "
                          "for him (`causeway-server token --user NAME`)",
                          printable(error.message))};
    case ErrorCode::try_later:
      return {false, "the server is busy"};
    default:
      return {false, fmt::format("the server answered with an error: {} ({})", printable(error.message),
                                 to_string(error.code))};
  }
}

}  // namespace causeway::link
