#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace causeway::protocol {

using Json = nlohmann::json;

/// A success whose type Error could be made from, too (text, JSON), so that it must be said which is meant.
template <class T>
Result<T> success(T value) {
  return Result<T>(boost::system::in_place_value, std::move(value));
}

/// What one message may cost us before we know who sent it. The limits are met while reading: nothing above
/// them is built.
struct JsonLimits {
  std::size_t bytes = 64 * 1024;
  std::size_t depth = 16;
  std::size_t values = 2000;
  std::size_t string_bytes = 1024;
  std::size_t body_bytes = 4096;  ///< for the member "body", the signed text of a node record
};

/// One JSON text and nothing else (white space around it is fine). Refuses what is above a limit, duplicate
/// keys, NUL, invalid UTF-8, numbers that no double holds, bytes behind the value.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

/// Never throws: text of ours that is not UTF-8 is written with replacement characters.
std::string to_line(const Json& value);

/// The member of that name; nullptr when `object` is none or has no such member. Borrowed from `object`.
const Json* find_member(const Json& object, std::string_view key);

/// Checked readers: nullopt when the member is missing, of another type, or out of range. Nothing is ever
/// narrowed.
std::optional<std::string> get_string(const Json& object, std::string_view key);
std::optional<bool> get_bool(const Json& object, std::string_view key);
const Json* get_array(const Json& object, std::string_view key);
const Json* get_object(const Json& object, std::string_view key);
/// An integer in [low, high]; 1.0 and "1" are none.
std::optional<std::int64_t> as_integer(const Json& value, std::int64_t low, std::int64_t high);

template <std::integral T>
std::optional<T> get_integer(const Json& object, std::string_view key, std::int64_t low, std::int64_t high) {
  const Json* member = find_member(object, key);
  if (!member) return std::nullopt;
  const auto value = as_integer(*member, low, high);
  if (!value || !std::in_range<T>(*value)) return std::nullopt;
  return static_cast<T>(*value);
}

/// "`name`: missing or not `what`", the one form in which a bad member is told.
Error bad_member(std::string_view name, std::string_view what);

}  // namespace causeway::protocol
