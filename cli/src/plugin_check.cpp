#include "cli/src/plugin_check.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/src/table.hpp"
#include "sdk/validator/check.hpp"

namespace causeway::cli {

int run_plugin_check(const PluginCheck& wanted, std::ostream& out, std::ostream& err) {
  const validator::Report report = validator::check_plugin(wanted.file, wanted.seed);
  if (wanted.as_json) {
    out << validator::to_json(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    out << validator::to_text(report);
  }
  if (!report.has_errors()) return 0;
  err << "error: " << printable(wanted.file.string()) << ": not fit for use: correct what is listed\n";
  return 1;
}

}  // namespace causeway::cli
