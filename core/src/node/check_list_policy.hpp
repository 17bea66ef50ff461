#pragma once

#include "base/time.hpp"

namespace causeway::node {

/// What becomes of the results of checks after use (spec U3.5).
struct CheckListPolicy {
  bool is_kept = true;                             ///< false: dropped
  Duration history = std::chrono::hours(24 * 30);  ///< what was not used for so long is forgotten
  friend bool operator==(const CheckListPolicy&, const CheckListPolicy&) = default;
};

}  // namespace causeway::node
