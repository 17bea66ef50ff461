#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace causeway::cli {

/// Columns aligned by code points, two blanks between them, none behind the last. Control characters, which
/// names and reasons from elsewhere could hold, become '?'.
std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows);

/// "key  value" lines with aligned values.
std::string format_list(const std::vector<std::vector<std::string>>& rows);

std::string printable(std::string_view text);

}  // namespace causeway::cli
