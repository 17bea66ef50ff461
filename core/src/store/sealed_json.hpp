#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace causeway::store {

/// A state file is JSON that carries its own kind and a CRC-32C of its content, so that a half-written or
/// edited file is noticed: {"kind": "keys", "crc32c": "1a2b3c4d", "content": {…}}.
std::string seal_json(std::string_view kind, const nlohmann::json& content);

/// The content; `file` is named in errors, which say what is wrong but not what to do.
Result<nlohmann::json> unseal_json(std::string_view kind, std::string_view text, std::string_view file);

}  // namespace causeway::store
