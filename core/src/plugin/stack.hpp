#pragma once

#include <span>
#include <string>
#include <vector>

#include "path/path.hpp"
#include "plugin/priority_adapter.hpp"

namespace causeway::plugin {

/// One layer of a priority stack that answered without fault.
struct LayerAnswer {
  std::string name;
  std::uint32_t weight_per_mille = 1000;
  std::vector<LayerScore> scores;  ///< one per path
};

/// The decision of a stack, one score per path. Rules, in this order:
///  1. A veto of any layer excludes a path; when every path is vetoed, no veto counts.
///  2. The weighted mean of the layers' scores, so that a stack keeps the scale of one plugin.
///  3. Paths of equal mean stand as the first layer that tells them apart says.
/// `layers` is not empty.
std::vector<path::Score> combine(std::span<const LayerAnswer> layers, std::span<const path::PathView> paths);

}  // namespace causeway::plugin
