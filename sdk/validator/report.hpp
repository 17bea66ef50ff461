#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace causeway::validator {

enum class Severity : std::uint8_t {
  warning,  ///< works, but not as well as it could
  error,    ///< not fit for use
};

/// One line for the author of a plugin: what is wrong, and what to do about it.
struct Finding {
  Severity severity = Severity::error;
  std::string check;  ///< "file", "symbols", "load", "contract", "time", "threads", "leaks", "unload"
  std::string text;
  friend bool operator==(const Finding&, const Finding&) = default;
};

/// How long the calls of one function took.
struct CallTimes {
  std::string function;
  std::uint64_t calls = 0;
  std::int64_t median_ns = 0;
  std::int64_t longest_ns = 0;
};

struct Report {
  std::string file;
  // What the plugin says of itself; empty when it could not be asked.
  std::string id, name, version, kind, abi;
  std::uint64_t seed = 0;
  std::vector<std::string> checks;  ///< those that ran to their end
  std::vector<Finding> findings;
  std::vector<CallTimes> calls;

  bool has_errors() const;
};

/// A line per finding, then a table of the calls and a verdict.
std::string to_text(const Report& report);
nlohmann::json to_json(const Report& report);

}  // namespace causeway::validator
