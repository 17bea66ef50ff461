#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/json.hpp"

namespace causeway::protocol {

/// The stable codes of error objects (docs/protocol.md §1).
enum class ErrorCode : int {
  parse_error = -32700,      ///< not a JSON text within the limits
  invalid_request = -32600,  ///< JSON, but not a request
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,  ///< our fault; what was asked was not done
  unauthenticated = 1,      ///< authenticate first
  refused = 2,              ///< identity unknown, signature wrong, node or user revoked
  token_invalid = 3,        ///< unknown, malformed, revoked, or of another network
  token_expired = 4,
  token_used = 5,       ///< all uses are spent by other nodes
  pool_exhausted = 6,   ///< no virtual address is free
  no_such_address = 7,  ///< nobody that the asker may reach has this address
  unreachable = 8,      ///< known but not online
  not_registered = 9,   ///< register first
  try_later = 10,       ///< a limit is met; data.retry_after_ms says when to come back
  name_taken = 11,      ///< another node of the network has this name
  stale = 12,           ///< a node record with a lower serial than the one known
  no_such_user = 13,    ///< nobody in the network has this name
};

/// The name of the code in docs/protocol.md, "token_used"; "error" for one we do not know.
std::string_view to_string(ErrorCode code);

struct RpcError {
  ErrorCode code = ErrorCode::internal_error;
  std::string message;  ///< for a person
  std::optional<std::uint32_t> retry_after_ms = {};

  friend bool operator==(const RpcError&, const RpcError&) = default;
};

[[noreturn]] void throw_exception_from_error(const RpcError& error, const boost::source_location& where);

struct Request {
  std::uint64_t id = 0;
  std::string method;
  Json params;  ///< always an object
};
struct Notification {
  std::string method;
  Json params;  ///< always an object
};
struct Reply {
  std::optional<std::uint64_t> id;  ///< none: the other side could not read what it answers
  std::variant<Json, RpcError> outcome;
};
using Message = std::variant<Request, Notification, Reply>;

/// Why a line is no message, and the id to answer with where it could be read.
struct EnvelopeError {
  std::optional<std::uint64_t> id;
  RpcError error;
};

[[noreturn]] void throw_exception_from_error(const EnvelopeError& error, const boost::source_location& where);

inline constexpr std::uint64_t kMaxRequestId =
    (std::uint64_t{1} << 53) - 1;  ///< what every JSON reader holds exactly

Result<Message, EnvelopeError> parse_message(std::string_view line, const JsonLimits& limits = {});

// Lines without the LF.
std::string make_request(std::uint64_t id, std::string_view method, const Json& params);
std::string make_notification(std::string_view method, const Json& params);
std::string make_result(std::uint64_t id, const Json& result);
std::string make_error(std::optional<std::uint64_t> id, const RpcError& error);

}  // namespace causeway::protocol
