#pragma once

#include <string>
#include <string_view>

#include "causeway/types.h"

namespace causeway::plugin {

/// Text from a plugin as it may be shown and put into JSON: at most `most` bytes, control bytes and broken
/// UTF-8 replaced by '?'.
std::string clean_text(std::string_view text, std::size_t most);

inline cw_string to_c(std::string_view text) { return {text.data(), text.size()}; }

/// "CW_ERROR_FAILED" and so on.
std::string status_text(cw_status status);

}  // namespace causeway::plugin
