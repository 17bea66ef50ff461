#pragma once

#include <string>
#include <string_view>

namespace causeway::protocol {

inline constexpr std::size_t kMaxNameBytes = 63;  ///< one DNS label, as NAME.cw resolves

/// Networks, users and nodes: 1 to 63 of A-Z a-z 0-9 . _ -, a letter or digit first and last.
bool is_valid_name(std::string_view name);
/// Names that differ by case only are one name; this is the form to compare.
std::string fold_name(std::string_view name);

/// RFC 8839 §5.1 ice-char: A-Z a-z 0-9 + /
bool is_ice_chars(std::string_view text, std::size_t least, std::size_t most);

}  // namespace causeway::protocol
