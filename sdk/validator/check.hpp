#pragma once

#include <cstdint>
#include <filesystem>

#include "sdk/validator/report.hpp"

namespace causeway::validator {

/// Examines a plugin as an author wants it examined: everything that the daemon would refuse, and what it
/// would only notice later. Needs no daemon and no privileges. Plugin code runs in processes of its own;
/// call it from a single-threaded program.
Report check_plugin(const std::filesystem::path& file, std::uint64_t seed);

}  // namespace causeway::validator
