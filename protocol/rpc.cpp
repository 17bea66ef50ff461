#include "protocol/rpc.hpp"

#include <stdexcept>
#include <utility>

namespace causeway::protocol {
namespace {

Result<Message, EnvelopeError> parse_reply(std::optional<std::uint64_t> id, const Json& message) {
  if (const Json* result = find_member(message, "result")) return Message(Reply{id, *result});
  const Json* object = get_object(message, "error");
  const auto code = object ? get_integer<int>(*object, "code", -40000, 40000) : std::nullopt;
  if (!code) return EnvelopeError{id, {ErrorCode::invalid_request, "error: missing or not an error object"}};
  RpcError error{static_cast<ErrorCode>(*code), get_string(*object, "message").value_or("")};
  if (const Json* data = get_object(*object, "data")) {
    error.retry_after_ms = get_integer<std::uint32_t>(*data, "retry_after_ms", 0, 86'400'000);
  }
  return Message(Reply{id, std::move(error)});
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::parse_error:
      return "parse_error";
    case ErrorCode::invalid_request:
      return "invalid_request";
    case ErrorCode::method_not_found:
      return "method_not_found";
    case ErrorCode::invalid_params:
      return "invalid_params";
    case ErrorCode::internal_error:
      return "internal_error";
    case ErrorCode::unauthenticated:
      return "unauthenticated";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::token_invalid:
      return "token_invalid";
    case ErrorCode::token_expired:
      return "token_expired";
    case ErrorCode::token_used:
      return "token_used";
    case ErrorCode::pool_exhausted:
      return "pool_exhausted";
    case ErrorCode::no_such_address:
      return "no_such_address";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::not_registered:
      return "not_registered";
    case ErrorCode::try_later:
      return "try_later";
    case ErrorCode::name_taken:
      return "name_taken";
    case ErrorCode::stale:
      return "stale";
    case ErrorCode::no_such_user:
      return "no_such_user";
  }
  return "error";
}

void throw_exception_from_error(const RpcError& error, const boost::source_location&) {
  throw std::runtime_error(error.message);
}

void throw_exception_from_error(const EnvelopeError& error, const boost::source_location&) {
  throw std::runtime_error(error.error.message);
}

Result<Message, EnvelopeError> parse_message(std::string_view line, const JsonLimits& limits) {
  auto parsed = parse_json(line, limits);
  if (!parsed) return EnvelopeError{{}, {ErrorCode::parse_error, parsed.error().message}};
  const Json& message = *parsed;
  const auto invalid = [](std::optional<std::uint64_t> id, std::string what) {
    return EnvelopeError{id, {ErrorCode::invalid_request, std::move(what)}};
  };
  if (!message.is_object()) return invalid({}, "a message is a JSON object");

  // A reply to what could not be read has "id": null.
  const Json* id_member = find_member(message, "id");
  const auto id = get_integer<std::uint64_t>(message, "id", 0, kMaxRequestId);
  const bool answers = message.contains("result") || message.contains("error");
  if (id_member && !id && !(answers && id_member->is_null()))
    return invalid({}, "id: not a non-negative integer");
  if (get_string(message, "jsonrpc") != "2.0") return invalid(id, "jsonrpc: missing or not \"2.0\"");
  if (answers) return parse_reply(id, message);

  auto method = get_string(message, "method");
  if (!method || method->empty() || method->size() > 64) return invalid(id, "method: missing or not a name");
  const Json* params = find_member(message, "params");
  if (params && !params->is_object()) return invalid(id, "params: not an object");
  Json taken = params ? *params : Json::object();
  if (!id) return Message(Notification{std::move(*method), std::move(taken)});
  return Message(Request{*id, std::move(*method), std::move(taken)});
}

std::string make_request(std::uint64_t id, std::string_view method, const Json& params) {
  return to_line({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}});
}

std::string make_notification(std::string_view method, const Json& params) {
  return to_line({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}});
}

std::string make_result(std::uint64_t id, const Json& result) {
  return to_line({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string make_error(std::optional<std::uint64_t> id, const RpcError& error) {
  Json object{{"code", static_cast<int>(error.code)}, {"message", error.message}};
  if (error.retry_after_ms) object["data"] = {{"retry_after_ms", *error.retry_after_ms}};
  return to_line({{"jsonrpc", "2.0"}, {"id", id ? Json(*id) : Json(nullptr)}, {"error", std::move(object)}});
}

}  // namespace causeway::protocol
