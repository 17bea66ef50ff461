#include "cli/src/plugin_replay.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "cli/src/table.hpp"
#include "replay/offline.hpp"

namespace causeway::cli {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostChoicesShown = 40;
constexpr std::size_t kMaxConfigurationBytes = 16 * 1024;

/// The text of a member, whatever it is.
std::string text(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || object[key].is_null()) return "-";
  const Json& member = object[key];
  if (member.is_string()) return member.get<std::string>();
  if (member.is_number_float()) return fmt::format("{:.1f}", member.get<double>());
  return member.dump();
}

std::vector<std::string> row_of(const std::string& name, const Json& run) {
  return {name,
          text(run, "cost_per_second"),
          text(run, "regret_per_second"),
          text(run, "regret"),
          text(run, "switches"),
          text(run, "seconds_without_data")};
}

std::string path_text(const Json& choice) {
  const Json& path = choice["path"];
  return path.is_object() ? text(path, "local") + " -> " + text(path, "remote") : "no path";
}

std::string choices_text(const Json& run) {
  std::vector<std::vector<std::string>> rows;
  for (const Json& choice : run["choices"]) {
    if (rows.size() == kMostChoicesShown) break;
    rows.push_back({text(choice, "at"), text(choice, "peer"), path_text(choice), text(choice, "reason"),
                    text(choice, "score"), text(choice, "why")});
  }
  std::string shown = format_table({"SECOND", "PEER", "PATH", "REASON", "SCORE", "WHY"}, rows);
  if (run["choices"].size() > rows.size())
    shown += fmt::format("and {} more: --json has them\n", run["choices"].size() - rows.size());
  return shown;
}

std::string comparison_text(const Json& recorded) {
  const Json& comparison = recorded["comparison"];
  if (comparison["same"] == true) {
    return fmt::format("Of {} recorded choices all were made again.\n", text(comparison, "compared"));
  }
  const Json& first = comparison["first_difference"];
  return fmt::format("Of {} recorded choices {} were made again; the first other one at second {}, for {}.\n",
                     text(comparison, "compared"), text(comparison, "equal"), text(first, "at"),
                     printable(text(first, "peer")));
}

Result<std::string> read_configuration(const std::string& given) {
  std::string json = given;
  if (given.starts_with('@')) {
    std::ifstream file(given.substr(1), std::ios::binary);
    if (!file) return Error{fmt::format("cannot read {}: pass an existing file after @", given.substr(1))};
    json.assign(std::istreambuf_iterator<char>(file), {});
  }
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object() || json.size() > kMaxConfigurationBytes)
    return Error{"the configuration is no JSON object of at most 16 KiB"};
  return Result<std::string>(boost::system::in_place_value, parsed.dump());
}

/// Plugins run in this process. When one ends it, that is said in the words of every other failure.
class CrashMessage {
 public:
  CrashMessage() {
    struct sigaction tell {};
    tell.sa_handler = [](int) {
      constexpr std::string_view kText =
          "error: a plugin crashed in the middle of the replay: `causeway plugin check FILE` says more\n";
      [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
      ::_exit(1);
    };
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], &tell, &before_[i]);
  }
  ~CrashMessage() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  CrashMessage(const CrashMessage&) = delete;
  CrashMessage& operator=(const CrashMessage&) = delete;

 private:
  static constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace

Result<std::pair<std::string, unsigned>> parse_replay_layer(const std::string& given) {
  const auto colon = given.rfind(':');
  const std::string digits = colon == std::string::npos ? "" : given.substr(colon + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
    return std::pair{given, 1000u};
  const unsigned long weight = digits.size() <= 4 ? std::strtoul(digits.c_str(), nullptr, 10) : 0;
  if (weight < 1 || weight > 1000)
    return Error{given + ": not FILE or FILE:WEIGHT with a weight from 1 to 1000"};
  return std::pair{given.substr(0, colon), static_cast<unsigned>(weight)};
}

std::string render_replay(const Json& report) {
  const Json& trace = report["trace"];
  const Json& plugin = report["plugin"];
  std::string shown =
      format_list({{"Trace", fmt::format("{} ({}, begun {})", text(trace, "title"), text(trace, "origin"),
                                         text(trace, "begun"))},
                   {"Length", fmt::format("{} s, {} steps{}", text(plugin, "seconds"), text(trace, "steps"),
                                          trace["cut_off"] == true ? ", cut off in the last one" : "")},
                   {"Costs", trace["truth"] == "told" ? "by what the network did"
                                                      : "by what was measured: no truth is told"}});
  for (const Json& layer : plugin["layers"]) {
    const Json& same = layer["same_build"];
    shown += format_list(
        {{"Plugin", fmt::format("{} {}, weight {}, state {}{}", text(layer, "name"), text(layer, "version"),
                                text(layer, "weight"), text(layer, "state"),
                                same.is_null() ? ""
                                : same == true ? ", the recorded build"
                                               : ", another build")}});
  }
  for (const char* key : {"faults", "decisions_by_others"})
    if (plugin[key] != 0) shown += fmt::format("{}: {}\n", key, text(plugin, key));
  std::vector<std::vector<std::string>> rows{row_of(text(plugin, "stack"), plugin),
                                             row_of("builtin", report["builtin"])};
  const Json& recorded = report["recorded"];
  if (recorded.is_object()) rows.push_back(row_of("as recorded", recorded));
  shown += "\n";
  shown += format_table({"ALGORITHM", "COST/S", "REGRET/S", "REGRET", "SWITCHES", "S WITHOUT DATA"}, rows);
  shown += "\n";
  shown += choices_text(plugin);
  if (recorded.is_object()) {
    shown += "\n";
    shown += comparison_text(recorded);
    const auto controlled = trace.value("controlled_choices", std::uint64_t{0});
    if (controlled * 2 > trace.value("choices", std::uint64_t{0}))
      shown += "This end is the controlled one: it follows what the other end nominated.\n";
  }
  return shown;
}

int run_plugin_replay(const PluginReplay& wanted, std::ostream& out, std::ostream& err) {
  const auto fail = [&err](const Error& error) {
    err << "error: " << printable(error.message) << "\n";
    return 1;
  };
  replay::OfflineTask task{
      .trace = wanted.trace, .plugins = {}, .configuration = {}, .draws = !wanted.plot.empty()};
  for (const std::string& given : wanted.plugins) {
    const auto layer = parse_replay_layer(given);
    if (!layer) return fail(layer.error());
    task.plugins.push_back({layer->first, layer->second});
  }
  if (!wanted.configuration.empty()) {
    auto configuration = read_configuration(wanted.configuration);
    if (!configuration) return fail(configuration.error());
    task.configuration = std::move(*configuration);
  }
  const CrashMessage crash_message;
  log::set_level(log::Level::warning);  // what a daemon would log is no answer
  const auto outcome = replay::replay_offline(task);
  if (!outcome) return fail(outcome.error());
  if (task.draws) {
    std::ofstream picture(wanted.plot, std::ios::binary);
    picture << outcome->picture;
    picture.close();
    if (!picture)
      return fail({wanted.plot.string() + " cannot be written: name a file in a folder that can"});
  }
  out << (wanted.as_json ? outcome->report : render_replay(Json::parse(outcome->report)));
  return 0;
}

}  // namespace causeway::cli
