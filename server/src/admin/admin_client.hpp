#pragma once

#include <string_view>

#include "base/result.hpp"
#include "protocol/json.hpp"
#include "server/src/storage/state_directory.hpp"

namespace causeway::server {

/// Asks the running server over its control socket; when none runs, does the same on its files.
Result<protocol::Json> call_admin(const StateDirectory& directory, std::string_view method,
                                  const protocol::Json& params);

}  // namespace causeway::server
