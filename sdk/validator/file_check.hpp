#pragma once

#include "base/bytes.hpp"
#include "sdk/validator/report.hpp"

namespace causeway::validator {

/// What can be said of the bytes alone. False: there is nothing in them that could be loaded.
bool check_file(Report& report, ByteView file);

}  // namespace causeway::validator
