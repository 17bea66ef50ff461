#include "server/src/admin/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/random.hpp"
#include "server/src/admin/admin_client.hpp"
#include "server/src/admin/init_command.hpp"
#include "server/src/admin/print.hpp"
#include "server/src/core/network_prefix6.hpp"
#include "server/src/net/server_driver.hpp"
#include "server/src/storage/state_directory.hpp"

namespace causeway::server {
namespace {

using protocol::Json;

constexpr const char* kVersion = "causeway-server 0.1.0";
constexpr const char* kDefaultDirectory = "/var/lib/causeway-server";
enum ExitCode : int { kDone = 0, kFailed = 1, kUsage = 2 };

struct Arguments {
  std::string directory = kDefaultDirectory;
  bool json = false;
  InitOptions init;
  std::string log_level = "info";
  std::string network;
  std::string pool;
  std::string user;
  unsigned uses = 1;
  std::string expires = "24h";
  std::string name;   // of a node
  std::string token;  // id or text
};

int fail(ExitCode code, std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return code;
}

int print(const std::string& text) {
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? kDone : fail(kFailed, "cannot write to standard output");
}

// ---- commands ----

int init(const Arguments& arguments) {
  auto settings = make_settings(arguments.init);
  if (!settings) return fail(kUsage, settings.error().message);
  const StateDirectory directory(arguments.directory);
  SystemRandom random;
  const NetworkRow network{arguments.init.network, arguments.init.pool, arguments.init.friends_only,
                           make_network_prefix6(random)};
  if (const auto error = directory.initialise(std::move(*settings), network))
    return fail(kFailed, error->message);
  std::fprintf(stderr, "initialised %s; start it: causeway-server run --dir %s\n",
               arguments.directory.c_str(), arguments.directory.c_str());
  return kDone;
}

int run(const Arguments& arguments) {
  if (!log::set_level(arguments.log_level)) {
    return fail(kUsage,
                "--log-level " + arguments.log_level + ": use trace, debug, info, warning, error or off");
  }
  auto driver = ServerDriver::start(StateDirectory(arguments.directory));
  if (!driver) return fail(kFailed, driver.error().message);
  (*driver)->run();
  return kDone;
}

int make_token(const Arguments& arguments) {
  if (arguments.network.empty()) return fail(kUsage, "token: --network is missing");
  const auto expires = parse_duration(arguments.expires);
  if (!expires)
    return fail(kUsage, "--expires \"" + arguments.expires + "\": give a time such as 30m, 24h or 7d");
  Json params{{"network", arguments.network}, {"uses", arguments.uses}, {"expires_s", expires->count()}};
  if (!arguments.user.empty()) params["user"] = arguments.user;
  const auto result = call_admin(StateDirectory(arguments.directory), "admin.token.create", params);
  if (!result) return fail(kFailed, result.error().message);
  return print(protocol::get_string(*result, "token").value_or("") + "\n");
}

int change(const Arguments& arguments, const char* method, Json params) {
  if (!arguments.network.empty()) params["network"] = arguments.network;
  const auto result = call_admin(StateDirectory(arguments.directory), method, params);
  return result ? kDone : fail(kFailed, result.error().message);
}

int list(const Arguments& arguments, const char* method, const std::vector<std::string>& columns) {
  Json params = Json::object();
  if (!arguments.network.empty()) params["network"] = arguments.network;
  if (!arguments.name.empty()) params["name"] = arguments.name;
  const auto result = call_admin(StateDirectory(arguments.directory), method, params);
  if (!result) return fail(kFailed, result.error().message);
  if (arguments.json) return print(result->dump(2) + "\n");
  return print(result->is_array() ? format_table(*result, columns) : format_members(*result));
}

// ---- grammar ----

void add_directory(CLI::App* command, Arguments& arguments) {
  command->add_option("--dir", arguments.directory, "state directory")->capture_default_str();
}

CLI::App* add_query(CLI::App& parent, Arguments& arguments, const char* name, const char* what) {
  CLI::App* command = parent.add_subcommand(name, what);
  add_directory(command, arguments);
  command->add_flag("--json", arguments.json, "as JSON");
  return command;
}

CLI::App* add_init(CLI::App& app, Arguments& arguments) {
  CLI::App* command = app.add_subcommand("init", "make a state directory with one network");
  add_directory(command, arguments);
  InitOptions& options = arguments.init;
  command->add_option("--network", options.network, "its name")->required();
  command->add_option("--pool", options.pool, "virtual addresses: 10.10.0.0/24 or 10.10.0.101-10.10.0.250")
      ->required();
  command->add_option("--listen", options.listen, "ADDR:PORT to accept nodes on (TCP)")->required();
  command->add_option("--public", options.public_address, "ADDR:PORT that tokens name, if it is another");
  command->add_option("--stun-listen", options.stun_listen, "ADDR:PORT to answer STUN on (UDP)")
      ->allow_extra_args(false);
  command->add_option("--turn", options.turn, "URI of a TURN server to tell nodes of")
      ->allow_extra_args(false);
  command->add_option("--turn-secret", options.turn_secret, "its static-auth-secret");
  command->add_flag("--friends-only", options.friends_only,
                    "nodes reach only those of their own user and of mutual friends");
  command->add_option("--store", options.store, "where facts are kept")->capture_default_str();
  return command;
}

CLI::App* add_node_change(CLI::App& parent, Arguments& arguments, const char* name, const char* what) {
  CLI::App* command = parent.add_subcommand(name, what);
  add_directory(command, arguments);
  command->add_option("--network", arguments.network, "where several networks have that name");
  command->add_option("name", arguments.name, "the node's name")->required();
  return command;
}

int run_checked(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("The address server of Causeway: gives nodes virtual addresses and tells them of each other.");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);

  const CLI::App* init_command = add_init(app, arguments);
  CLI::App* run_command = app.add_subcommand("run", "serve until SIGTERM");
  add_directory(run_command, arguments);
  run_command->add_option("--log-level", arguments.log_level, "trace, debug, info, warning, error, off");

  CLI::App* token_command = app.add_subcommand("token", "print a new join token; list and revoke tokens");
  add_directory(token_command, arguments);
  token_command->add_option("--network", arguments.network, "which network it admits to");
  token_command->add_option("--user", arguments.user, "whose nodes they are; made if unknown");
  token_command->add_option("--uses", arguments.uses, "how many nodes may use it")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  token_command->add_option("--expires", arguments.expires, "30m, 24h, 7d")->capture_default_str();
  const CLI::App* token_list =
      add_query(*token_command, arguments, "list", "all tokens, without their secrets");
  CLI::App* token_revoke = token_command->add_subcommand("revoke", "let nobody use it any more");
  add_directory(token_revoke, arguments);
  token_revoke->add_option("token", arguments.token, "its id, or the token itself")->required();

  CLI::App* node_command = app.add_subcommand("node", "put a node out");
  node_command->require_subcommand(1);
  const CLI::App* node_remove = add_node_change(*node_command, arguments, "remove",
                                                "free its name and address; it may join again with a token");
  const CLI::App* node_revoke =
      add_node_change(*node_command, arguments, "revoke", "keep its key out for good");

  CLI::App* network_command = app.add_subcommand("network", "make further networks");
  network_command->require_subcommand(1);
  CLI::App* network_add = network_command->add_subcommand(
      "add", "one more network on this server; its nodes see nothing of the others");
  add_directory(network_add, arguments);
  network_add->add_option("--network", arguments.network, "its name")->required();
  network_add
      ->add_option("--pool", arguments.pool, "virtual addresses: 10.10.0.0/24 or 10.10.0.101-10.10.0.250")
      ->required();
  network_add->add_flag("--friends-only", arguments.init.friends_only,
                        "nodes reach only those of their own user and of mutual friends");

  CLI::App* nodes = add_query(app, arguments, "nodes", "who is enrolled, and who is online");
  nodes->add_option("--network", arguments.network, "of this network only");
  const CLI::App* users = add_query(app, arguments, "users", "whose nodes there are");
  const CLI::App* networks = add_query(app, arguments, "networks", "pools and how full they are");
  CLI::App* paths = add_query(app, arguments, "paths", "what a node reported last of its paths");
  paths->add_option("name", arguments.name, "the node's name")->required();
  paths->add_option("--network", arguments.network, "if nodes of several networks have this name");
  const CLI::App* stats = add_query(app, arguments, "stats", "figures of the running server");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked) == 0 ? kDone : kFailed;
  } catch (const CLI::RequiredError& missing) {
    // "A subcommand is required" is no help to who gave one that there is not.
    const auto unknown = app.remaining(true);
    return fail(kUsage, (unknown.empty() ? std::string(missing.what()) : unknown.front() + " is no command") +
                            ": see --help");
  } catch (const CLI::ParseError& wrong) {
    return fail(kUsage, std::string(wrong.what()) + ": see --help");
  }

  if (*init_command) return init(arguments);
  if (*run_command) return run(arguments);
  if (*token_list)
    return list(arguments, "admin.tokens", {"id", "network", "user", "used", "uses", "state", "expires"});
  if (*token_revoke) return change(arguments, "admin.token.revoke", {{"token", arguments.token}});
  if (*token_command) return make_token(arguments);
  if (*node_remove) return change(arguments, "admin.node.remove", {{"name", arguments.name}});
  if (*node_revoke) return change(arguments, "admin.node.revoke", {{"name", arguments.name}});
  if (*network_add) {
    return change(arguments, "admin.network.add",
                  {{"pool", arguments.pool}, {"friends_only", arguments.init.friends_only}});
  }
  if (*nodes) {
    return list(arguments, "admin.nodes",
                {"name", "user", "network", "virtual_address", "state", "connected_since"});
  }
  if (*users) return list(arguments, "admin.users", {"name", "network", "nodes", "friends"});
  if (*networks)
    return list(arguments, "admin.networks",
                {"name", "pool", "prefix", "owned", "online", "addresses", "friends_only"});
  if (*paths) {
    return list(arguments, "admin.paths",
                {"peer", "virtual_address", "state", "local", "remote", "transport", "rtt_us", "jitter_us",
                 "loss_permille", "age_s"});
  }
  if (*stats) return list(arguments, "admin.stats", {});
  return fail(kUsage, "no command: see --help");
}

}  // namespace

int run_command_line(int argc, char** argv) {
  try {
    return run_checked(argc, argv);
  } catch (const std::exception& problem) {
    return fail(kFailed, problem.what());
  }
}

}  // namespace causeway::server
