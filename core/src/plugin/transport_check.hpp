#pragma once

#include <memory>

#include "base/result.hpp"
#include "plugin/plugin_library.hpp"

namespace causeway::plugin {

/// The self-check of transports: bases, servers, links that open and close, noise from every side.
Result<void> check_transport(const std::shared_ptr<PluginLibrary>& library);

}  // namespace causeway::plugin
