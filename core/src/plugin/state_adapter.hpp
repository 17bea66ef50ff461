#pragma once

#include "plugin/instance.hpp"
#include "plugin/state_envelope.hpp"

namespace causeway::plugin {

/// Calls of causeway.state/1 (causeway/ext/state.h). Plugin thread.
struct ExportAnswer {
  cw_status status = CW_ERROR_NOT_SUPPORTED;  ///< that: the plugin hands nothing over
  SavedState state;                           ///< empty bytes: there is nothing to tell
};
ExportAnswer export_state(Instance& instance);
/// CW_ERROR_NOT_SUPPORTED: it does not know this schema, or takes no state at all.
cw_status import_state(Instance& instance, const SavedState& state);

}  // namespace causeway::plugin
