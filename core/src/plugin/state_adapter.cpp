#include "plugin/state_adapter.hpp"

#include "causeway/ext/state.h"

namespace causeway::plugin {

ExportAnswer export_state(Instance& instance) {
  ExportAnswer answer;
  const auto table = instance.optional_table<cw_state>(CW_EXT_STATE);
  if (table.export_state == nullptr) return answer;
  answer.state.plugin = instance.descriptor().id;
  answer.state.schema = table.schema;
  answer.state.bytes.resize(CW_MAX_STATE);
  std::uint64_t size = 0;
  answer.status =
      table.export_state(instance.get(), answer.state.bytes.data(), answer.state.bytes.size(), &size);
  if (size > CW_MAX_STATE) answer.status = CW_ERROR_LIMIT;
  answer.state.bytes.resize(answer.status == CW_OK ? size : 0);
  return answer;
}

cw_status import_state(Instance& instance, const SavedState& state) {
  const auto table = instance.optional_table<cw_state>(CW_EXT_STATE);
  if (table.import_state == nullptr) return CW_ERROR_NOT_SUPPORTED;
  return table.import_state(instance.get(), state.schema, state.bytes.data(), state.bytes.size());
}

}  // namespace causeway::plugin
