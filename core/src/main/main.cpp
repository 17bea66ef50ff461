// causewayd: options, then Daemon. Exit codes: 0 done, 1 failed (one `error:` line), 2 wrong usage.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/version.hpp"
#include "daemon/config.hpp"
#include "daemon/daemon.hpp"
#include "plugin/probe.hpp"
#include "protocol/join_token.hpp"

namespace {

namespace fs = std::filesystem;
using causeway::Error;
using causeway::Result;

struct CommandLine {
  std::string directory = "/var/lib/causeway";
  std::string join, name, tun, config, log_level, probe_plugin;
  bool check_config = false;
};

int fail(const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return 1;
}

/// A token given as itself, as @FILE or as - (standard input): the last two keep it out of process lists.
Result<std::string> read_token(const std::string& argument) {
  std::string text = argument;
  if (argument == "-" || argument.starts_with('@')) {
    std::ifstream file;
    std::istream* from = &std::cin;
    if (argument != "-") {
      file.open(argument.substr(1));
      if (!file) return Error{"the token file " + argument.substr(1) + " can't be read"};
      from = &file;
    }
    // One byte beyond the cap is enough to know that it is no token.
    text.assign(causeway::protocol::kMaxTokenBytes + 64, '\0');
    from->read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(from->gcount()));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  return Result<std::string>(boost::system::in_place_value, std::move(text));
}

/// Beside the build's programs when run from a build tree, else where `cmake --install` puts them.
fs::path plugin_directory(const fs::path& program) {
  std::error_code error;
  const fs::path built = program.parent_path().parent_path() / "lib" / "causeway" / "plugins";
  if (fs::is_directory(built, error)) return built;
  return CAUSEWAY_PLUGIN_DIRECTORY;
}

int run(const CommandLine& line) {
  causeway::daemon::DaemonOptions options;
  if (!line.config.empty()) {
    auto config = causeway::daemon::load_config(line.config);
    if (!config) return fail(config.error().message);
    options.config = std::move(*config);
    options.config_file = fs::absolute(line.config);
  }
  if (line.check_config) {
    std::puts("the configuration is right");
    return 0;
  }
  if (!line.tun.empty()) options.config.tun = line.tun;
  if (!line.name.empty()) options.config.name = line.name;
  if (!line.log_level.empty()) options.config.log_level = line.log_level;
  causeway::log::set_level(options.config.log_level);
  if (!line.join.empty()) {
    auto token = read_token(line.join);
    if (!token) return fail(token.error().message);
    options.join_token = std::move(*token);
  }
  options.directory = fs::absolute(line.directory);
  options.program = fs::read_symlink("/proc/self/exe");
  options.plugin_directory = plugin_directory(options.program);
  return causeway::daemon::run_daemon(std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  CLI::App app{"The virtual NIC daemon of Causeway: joins this machine to a network of virtual addresses."};
  app.set_version_flag("--version", std::string("causewayd ") + causeway::kVersion);
  app.add_option("--dir", line.directory, "Where all state stays")->capture_default_str();
  app.add_option("--join", line.join,
                 "Join with this token, @FILE or - for standard input; without it: as enrolled before");
  app.add_option("--name", line.name, "This node's wished name (default: the host name)");
  app.add_option("--tun", line.tun, "Name of the virtual NIC (default: cw0)");
  app.add_option("--config", line.config, "Configuration file; docs/causeway.sample.json lists every key");
  app.add_option("--log-level", line.log_level, "How much is logged")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  app.add_flag("--check-config", line.check_config, "Check the file of --config and end")->needs("--config");
  app.add_option("--probe-plugin", line.probe_plugin, "Load one plugin, print what it is, and end")
      ->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (!line.probe_plugin.empty()) return causeway::plugin::probe_main(line.probe_plugin);
    return run(line);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
