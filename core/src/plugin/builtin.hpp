#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ice/candidate.hpp"
#include "path/path.hpp"

/// The RFC 8445 formula inside the core: the last resort, used only when no priority plugin can run.
namespace causeway::plugin {

/// RFC 8445 §5.1.2.1 with component 1; a local preference of its own for each base, in order of appearance.
std::vector<std::uint32_t> builtin_rank(std::span<const ice::Candidate> candidates);

/// Scores 1..1,000,000 by the order of pair priorities (§6.1.2.3); equal priorities score equal.
std::vector<path::Score> builtin_score(std::span<const path::PathView> paths);

}  // namespace causeway::plugin
