#pragma once

#include <string>
#include <vector>

#include "protocol/json.hpp"

namespace causeway::server {

/// An array of objects as a table with these members as columns; "-" for null.
std::string format_table(const protocol::Json& rows, const std::vector<std::string>& columns);
/// An object, one member a line.
std::string format_members(const protocol::Json& object);

}  // namespace causeway::server
