#pragma once

#include "base/result.hpp"
#include "plugin/instance.hpp"

namespace causeway::plugin {

/// Gives a fresh instance recorded scenarios before it may touch anything live: answers must come, be in
/// range, and be the same when the same is asked again of another fresh instance.
Result<void> self_check(const std::shared_ptr<PluginLibrary>& library);

}  // namespace causeway::plugin
