#pragma once

#include "base/result.hpp"

namespace causeway::plugin {

/// For a process that runs plugin code nobody has looked at: no capabilities, no new privileges, no core
/// files, and its end when its parent ends. There is no way back.
Result<void> confine();

}  // namespace causeway::plugin
