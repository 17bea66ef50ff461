#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace causeway::plugin {

/// Whether these bytes are a whole shared library for this machine, before the loader sees them: it would say
/// less, and a truncated file would end the process by SIGBUS. Reads only within `file`.
Result<void> check_elf(ByteView file);

}  // namespace causeway::plugin
