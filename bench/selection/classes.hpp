#pragma once

#include "selection/draft.hpp"

/// One function per class of worlds. They say what networks do, and know nothing of any algorithm; what each
/// figure may be stands in docs/selection.md.
namespace causeway::selection {

void draft_lossy_direct(Draft& draft);
void draft_flapping_wifi(Draft& draft);
void draft_evening_congestion(Draft& draft);
void draft_asymmetric_loss(Draft& draft);
void draft_slow_drift(Draft& draft);
void draft_honest_baseline(Draft& draft);

}  // namespace causeway::selection
