#pragma once

#include <filesystem>
#include <stop_token>

#include "base/result.hpp"
#include "base/time.hpp"

namespace causeway::plugin {

/// The helper process's side, `causewayd --probe-plugin FILE`: gives up every capability, loads the file,
/// negotiates, checks, unloads, and prints one JSON object on stdout: the descriptor with "pinned", or
/// {"error"}. Returns the exit code (0: fit for use).
int probe_main(const std::filesystem::path& file);

/// The host's side: runs `program --probe-plugin file` and waits at most `limit`. The error is the probe's
/// own, or says how it ended: plugins that crash or hang do so there. Any thread.
Result<void> run_probe(const std::filesystem::path& program, const std::filesystem::path& file,
                       Duration limit, const std::stop_token& stop = {});

}  // namespace causeway::plugin
