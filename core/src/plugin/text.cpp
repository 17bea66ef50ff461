#include "plugin/text.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace causeway::plugin {

namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode table 3-7), 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || outside ? 0 : length;
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const bool is_control = length == 1 && (static_cast<std::uint8_t>(text[0]) < 0x20 || text[0] == 0x7f);
    const std::string_view piece = length == 0 || is_control ? std::string_view("?") : text.substr(0, length);
    if (out.size() + piece.size() > most) break;
    out += piece;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string status_text(cw_status status) {
  switch (status) {
    case CW_OK:
      return "CW_OK";
    case CW_ERROR_FAILED:
      return "CW_ERROR_FAILED";
    case CW_ERROR_INVALID_ARGUMENT:
      return "CW_ERROR_INVALID_ARGUMENT";
    case CW_ERROR_NOT_SUPPORTED:
      return "CW_ERROR_NOT_SUPPORTED";
    case CW_ERROR_NO_MEMORY:
      return "CW_ERROR_NO_MEMORY";
    case CW_ERROR_LIMIT:
      return "CW_ERROR_LIMIT";
    case CW_ERROR_WRONG_STATE:
      return "CW_ERROR_WRONG_STATE";
    case CW_ERROR_EXCEPTION:
      return "CW_ERROR_EXCEPTION";
    default:
      return fmt::format("status {}", status);
  }
}

}  // namespace causeway::plugin
