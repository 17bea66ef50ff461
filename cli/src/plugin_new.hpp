#pragma once

#include <iosfwd>
#include <string>

#include "base/result.hpp"

namespace causeway::cli {

/// What `causeway plugin new` is to write.
struct NewPlugin {
  std::string name;  ///< folder, file, id of the plugin
  std::string kind;  ///< "priority", "candidate-source" or "transport"
};

/// Whether such a plugin can be; the error is for the user.
Result<void> check_new_plugin(const NewPlugin& wanted);

/// Writes ./NAME from the embedded template. Nothing that exists is touched. Returns the exit code.
int run_plugin_new(const NewPlugin& wanted, std::ostream& out, std::ostream& err);

}  // namespace causeway::cli
