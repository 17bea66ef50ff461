#include "cli/src/arguments.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>

#include "cli/src/plugin_check.hpp"
#include "cli/src/plugin_new.hpp"
#include "cli/src/plugin_record.hpp"
#include "cli/src/plugin_replay.hpp"

namespace causeway::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kVersion = "causeway 0.1.0";

/// "NAME" or "NAME:WEIGHT", per mille.
Json parse_layer(const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string name = text.substr(0, colon);
  int weight = 1000;
  if (colon != std::string::npos) {
    const std::string digits = text.substr(colon + 1);
    const bool is_number =
        !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
    weight = is_number ? std::atoi(digits.c_str()) : 0;
  }
  if (name.empty() || weight < 1 || weight > 1000) {
    throw CLI::ValidationError(fmt::format("{}: not NAME or NAME:WEIGHT with a weight from 1 to 1000", text));
  }
  return {{"name", name}, {"weight", weight}};
}

/// A join token is given as it is, as @FILE, or as - for stdin.
std::string read_token(const std::string& given) {
  std::string text = given;
  if (given == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else if (given.starts_with('@')) {
    std::ifstream file(given.substr(1), std::ios::binary);
    if (!file)
      throw CLI::ValidationError(
          fmt::format("cannot read {}: pass an existing file after @", given.substr(1)));
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) throw CLI::ValidationError("the join token is empty");
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// Declares the sub-commands; each callback fills in the invocation.
class CommandLine {
 public:
  CommandLine() : app_("Shows and controls the virtual NIC of a causewayd on this machine.", "causeway") {
    app_.add_option("--dir", directory_, "State directory of the daemon")->capture_default_str();
    app_.set_version_flag("--version", kVersion);
    app_.require_subcommand(1);
    app_.fallthrough();
    add_views();
    add_peer_commands();
    add_candidate_commands();
    add_friend_commands();
    add_enrolment_commands();
    add_plugin_commands();
  }

  Parsed parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::Success& wanted) {
      std::ostringstream out, err;
      app_.exit(wanted, out, err);
      return Answered{0, out.str()};
    } catch (const CLI::RequiredError& problem) {
      // "A subcommand is required" is no help to who gave one that there is not.
      const auto unknown = app_.remaining(true);
      const std::string what = unknown.empty() ? problem.what() : unknown.front() + " is no command";
      return Answered{2, fmt::format("error: {}: see `causeway --help`\n", what)};
    } catch (const CLI::Error& problem) {
      return Answered{2, fmt::format("error: {}: see `causeway --help`\n", problem.what())};
    }
    if (local_.run) return local_;
    invocation_.directory = directory_;
    return invocation_;
  }

 private:
  CLI::App* add(CLI::App& parent, const char* name, const char* description, const char* method) {
    CLI::App* command = parent.add_subcommand(name, description);
    command->callback([this, method] { invocation_.method = method; });
    return command;
  }
  CLI::App* add_query(CLI::App& parent, const char* name, const char* description, const char* method) {
    CLI::App* command = add(parent, name, description, method);
    command->add_flag("--json", invocation_.as_json, "Print the daemon's JSON");
    return command;
  }
  void add_text(CLI::App* command, const char* option, const char* description, const char* key,
                bool required) {
    auto* added = command->add_option_function<std::string>(
        option, [this, key](const std::string& value) { invocation_.params[key] = value; }, description);
    added->required(required);
  }

  void add_views() {
    add_query(app_, "status", "This node, its server and its peers", "status");
    add_query(app_, "peers", "All peers with their paths", "peers");
    CLI::App* candidates =
        add_query(app_, "candidates", "Transport addresses of this node, or of a peer", "candidates");
    add_text(candidates, "PEER", "Name or virtual address", "peer", false);
    candidates->add_flag_callback(
        "--ignored", [this] { invocation_.params["ignored"] = true; },
        "With --json: also what is ignored and why, in an object");
    add_query(app_, "mappings", "The virtual address mapping table", "mappings");
    add_text(add_query(app_, "checks", "Connectivity checks of all peers, or of one", "checks"), "PEER",
             "Name or virtual address", "peer", false);
    add_text(add_query(app_, "history", "What is remembered of the paths to all peers, or to one", "history"),
             "PEER", "Name, virtual address or identity", "peer", false);
    add_query(app_, "friends", "Our user's friends and their nodes", "friends");
    add_query(app_, "netcheck", "What the network around this machine lets through", "netcheck");
    add_query(app_, "plugins", "Loaded plugins", "plugins");
    add_query(app_, "buffers", "Buffers for packets to be sent and received", "buffers");
    add_query(app_, "metrics", "All counters", "metrics");
  }

  void add_peer_commands() {
    CLI::App* ping =
        add_query(app_, "ping", "Measure the path to a peer, connecting to it if needed", "ping");
    add_text(ping, "PEER", "Name or virtual address", "peer", true);
    invocation_.params["count"] = 4;
    ping->add_option_function<int>(
            "-c,--count", [this](int count) { invocation_.params["count"] = count; },
            "How many probes (default 4)")
        ->check(CLI::Range(1, 1000));
    add_text(add_query(app_, "explain", "Why a peer is reached by the path it is", "explain"), "PEER",
             "Name or virtual address", "peer", true);
  }

  void add_candidate_commands() {
    CLI::App* command =
        app_.add_subcommand("candidate", "Tell of a way in that no protocol finds: a port forwarding");
    command->require_subcommand(1);
    add_text(add_query(*command, "add", "Offer this transport address to peers", "candidate.add"), "IP:PORT",
             "As seen from outside: 203.0.113.7:51820, [2001:db8::7]:51820", "address", true);
    add_text(add_query(*command, "remove", "Offer it no more", "candidate.remove"), "IP:PORT",
             "As it was added", "address", true);
  }

  void add_friend_commands() {
    CLI::App* command = app_.add_subcommand("friend", "Change our user's friend list");
    command->require_subcommand(1);
    CLI::App* added =
        add_query(*command, "add", "Put a user on it: let the user's nodes reach ours", "friend.add");
    add_text(added, "NAME", "User, or a node of the user", "name", true);
    add_text(added, "--key",
             "The Ed25519 identity that the friend's node must have, as its `status` shows it", "key", false);
    add_text(add_query(*command, "remove", "Take a user off it and forget the identities of the user's nodes",
                       "friend.remove"),
             "NAME", "User, or a node of the user", "name", true);
  }

  void add_enrolment_commands() {
    add(app_, "leave", "Give the virtual address back and disconnect", "leave");
    CLI::App* join = add(app_, "join", "Join with a token, or again with the stored enrolment", "join");
    join->add_option_function<std::string>(
        "TOKEN", [this](const std::string& given) { invocation_.params["token"] = read_token(given); },
        "Join token, @FILE, or - for stdin");
  }

  void add_plugin_commands() {
    CLI::App* plugin = app_.add_subcommand("plugin", "Load, choose, replace and unload plugins");
    plugin->require_subcommand(1);
    add(*plugin, "load", "Load a shared library", "plugin.load")
        ->add_option_function<std::string>(
            "FILE",
            [this](const std::string& file) {
              invocation_.params["file"] = std::filesystem::absolute(file).string();
            },
            "The plugin, a .so")
        ->required();
    add(*plugin, "use", "Replace the whole priority stack", "plugin.use")
        ->add_option_function<std::vector<std::string>>(
            "NAME",
            [this](const std::vector<std::string>& layers) {
              for (const std::string& layer : layers)
                invocation_.params["stack"].push_back(parse_layer(layer));
            },
            "NAME or NAME:WEIGHT, weight per mille, in order")
        ->required();
    CLI::App* reload =
        add_query(*plugin, "reload", "Load a plugin's file anew and swap to it", "plugin.reload");
    add_text(reload, "NAME", "Of the plugin", "name", true);
    reload->add_flag_callback(
        "--force", [this] { invocation_.params["force"] = true; },
        "Swap a transport even if its only path is interrupted by it");
    add_text(add(*plugin, "unload", "Unload a plugin", "plugin.unload"), "NAME", "Of the plugin", "name",
             true);
    add_query(*plugin, "list", "Loaded plugins", "plugins");
    add_plugin_new(*plugin);
    add_plugin_check(*plugin);
    add_plugin_record(*plugin);
    add_plugin_replay(*plugin);
  }

  void add_plugin_record(CLI::App& plugin) {
    CLI::App* command =
        plugin.add_subcommand("record", "Record what the choice of paths depends on, and what was chosen");
    command->add_option("PEER_AND_FILE", record_words_, "PEER FILE, or FILE with --all")->expected(0, 2);
    command->add_flag("--all", records_all_, "All peers");
    command->add_option("--seconds", plugin_record_.seconds, "How long (default 60)")
        ->check(CLI::Range(1, 86'400));
    command->add_option("--megabytes", plugin_record_.megabytes, "How much at most (default 256)")
        ->check(CLI::Range(1, 1000));
    command->add_flag("--stop", plugin_record_.stops, "End the recording that is under way");
    command->add_flag("--json", plugin_record_.as_json, "Print the outcome as JSON");
    command->callback([this] {
      const std::size_t expected = plugin_record_.stops ? 0 : records_all_ ? 1 : 2;
      if (record_words_.size() != expected)
        throw CLI::ValidationError("give PEER FILE, or --all FILE, or --stop");
      if (!record_words_.empty()) plugin_record_.file = record_words_.back();
      if (record_words_.size() == 2) plugin_record_.peer = record_words_.front();
      plugin_record_.directory = directory_;
      local_.run = [wanted = plugin_record_](std::ostream& out, std::ostream& err) {
        return run_plugin_record(wanted, out, err);
      };
    });
  }

  void add_plugin_replay(CLI::App& plugin) {
    CLI::App* command = plugin.add_subcommand("replay", "What a plugin would have made of recorded traffic");
    command->add_option("TRACE", plugin_replay_.trace, "Written by `plugin record`, or generated")
        ->required();
    command->add_option("--plugin", plugin_replay_.plugins, "FILE, or FILE:WEIGHT for a stack; in its order")
        ->required()
        ->allow_extra_args(false);
    command->add_option("--configuration", plugin_replay_.configuration,
                        "JSON object for the first plugin, or @FILE (default: as recorded)");
    command->add_option("--plot", plugin_replay_.plot, "Draw costs and choices into this SVG file");
    command->add_flag("--json", plugin_replay_.as_json, "Print the report as JSON");
    command->callback([this] {
      local_.run = [wanted = plugin_replay_](std::ostream& out, std::ostream& err) {
        return run_plugin_replay(wanted, out, err);
      };
    });
  }

  void add_plugin_new(CLI::App& plugin) {
    CLI::App* command =
        plugin.add_subcommand("new", "Begin a plugin: write ./NAME with source, test and build");
    command->add_option("NAME", new_plugin_.name, "Its id and file name: a-z, 0-9 and '-'")->required();
    command->add_option("--kind", new_plugin_.kind, "priority, candidate-source or transport")->required();
    command->callback([this] {
      if (const auto ok = check_new_plugin(new_plugin_); !ok) throw CLI::ValidationError(ok.error().message);
      local_.run = [wanted = new_plugin_](std::ostream& out, std::ostream& err) {
        return run_plugin_new(wanted, out, err);
      };
    });
  }

  void add_plugin_check(CLI::App& plugin) {
    CLI::App* command = plugin.add_subcommand("check", "Examine a plugin without a daemon");
    command->add_option("FILE", plugin_check_.file, "The plugin, a .so")->required();
    command->add_flag("--json", plugin_check_.as_json, "Print the findings as JSON");
    command->add_option("--seed", plugin_check_.seed, "Of the made-up questions (default 1)");
    command->callback([this] {
      local_.run = [wanted = plugin_check_](std::ostream& out, std::ostream& err) {
        return run_plugin_check(wanted, out, err);
      };
    });
  }

  CLI::App app_;
  std::string directory_ = "/var/lib/causeway";
  Invocation invocation_;
  Local local_;
  NewPlugin new_plugin_;
  PluginCheck plugin_check_;
  std::vector<std::string> record_words_;
  bool records_all_ = false;
  PluginRecord plugin_record_;
  PluginReplay plugin_replay_;
};

}  // namespace

Parsed parse_arguments(int argc, const char* const* argv) {
  CommandLine line;
  auto parsed = line.parse(argc, argv);
  if (auto* invocation = std::get_if<Invocation>(&parsed)) {
    const bool is_ping = invocation->method == "ping";
    if (is_ping) {
      // Connecting may take its time; then a probe a second.
      invocation->timeout = std::chrono::seconds(30 + 2 * invocation->params["count"].get<int>());
    } else {
      invocation->params.erase("count");
    }
    if (invocation->method == "join" || invocation->method == "leave" ||
        invocation->method.starts_with("plugin.") || invocation->method.starts_with("friend.") ||
        invocation->method.starts_with("candidate.") || invocation->method == "netcheck") {
      invocation->timeout = std::chrono::seconds(30);
    }
    // A person is always told what is ignored; the JSON for scripts is a plain list unless they ask.
    if (invocation->method == "candidates" && !invocation->as_json) invocation->params["ignored"] = true;
  }
  return parsed;
}

}  // namespace causeway::cli
