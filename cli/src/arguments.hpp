#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

namespace causeway::cli {

/// What the command line asks of the daemon.
struct Invocation {
  std::filesystem::path directory;
  std::string method;
  nlohmann::json params = nlohmann::json::object();
  bool as_json = false;
  std::chrono::milliseconds timeout{10'000};
};

/// The command line answered itself: help, version (0) or wrong usage (2).
struct Answered {
  int exit_code = 0;
  std::string text;  ///< for stdout, or for stderr when exit_code is not 0
};

/// A command that needs no daemon. `run` returns the exit code.
struct Local {
  std::function<int(std::ostream& out, std::ostream& err)> run;
};

using Parsed = std::variant<Invocation, Answered, Local>;
Parsed parse_arguments(int argc, const char* const* argv);

}  // namespace causeway::cli
