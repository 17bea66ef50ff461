#include "replay/offline.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "plugin/executor.hpp"
#include "replay/curves.hpp"
#include "replay/report.hpp"
#include "replay/run.hpp"
#include "replay/trace_reader.hpp"

namespace causeway::replay {
namespace {

using Json = nlohmann::json;

/// Where the copies of plugins live; gone with this object.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> make() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "causeway-replay-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) {
      return Error{fmt::format("no temporary folder can be made ({}): set TMPDIR to one that can be written",
                               error ? error.message() : std::strerror(errno))};
    }
    return ScratchDirectory(name);
  }
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory() { clear(); }
  void clear() const {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The stack on trial in a host of its own.
class Trial {
 public:
  explicit Trial(const std::filesystem::path& directory)
      // A fixed seed: what the host lends must be the same in each replay.
      : host_({.private_directory = directory / "plugins", .probe_program = {}, .seed = 1}, {}, executor_) {}

  Result<void> begin(const OfflineTask& task, const Header& header, Now now) {
    std::vector<plugin::Host::StackEntry> stack;
    std::map<std::string, std::string> parameters;
    for (const OfflineTask::Plugin& plugin : task.plugins) {
      const auto name = host_.load(plugin.file, now);
      if (!name) return name.error();
      stack.push_back({*name, plugin.weight_per_mille});
      const Layer* recorded = nullptr;
      for (const Layer& layer : header.stack)
        if (layer.name == *name) recorded = &layer;
      std::string configuration = recorded ? recorded->configuration : "";
      if (task.configuration && stack.size() == 1) configuration = *task.configuration;
      if (!configuration.empty()) parameters[*name] = std::move(configuration);
      std::string state = recorded && !recorded->state.empty() ? "restored" : "none";
      if (state == "restored") {
        host_.restore_state(*name, recorded->state, now, [&state](const Result<void>& done) {
          if (!done) state = "cold: " + done.error().message;
        });
      }
      layers_.push_back({{"name", *name},
                         {"weight", plugin.weight_per_mille},
                         {"file", plugin.file.string()},
                         {"state", state}});
    }
    host_.set_parameters(std::move(parameters));
    return host_.use(stack, now);
  }

  HostScorer& scorer() { return scorer_; }
  std::string stack_text() const { return host_.stack_text(); }

  /// Also, whether the file is the one that was recorded with.
  void describe(const Header& header, Now now, Json& json) {
    host_.describe_stack(now, [&](const std::vector<plugin::Host::StackLayer>& running) {
      for (Json& layer : layers_) {
        for (const auto& found : running) {
          if (found.name != layer["name"]) continue;
          layer["version"] = found.version;
          layer["sha256"] = found.sha256;
        }
        layer["same_build"] = nullptr;
        for (const Layer& recorded : header.stack)
          if (recorded.name == layer["name"] && layer.contains("sha256"))
            layer["same_build"] = recorded.sha256 == layer["sha256"];
      }
    });
    json["layers"] = layers_;
    json["faults"] = 0;
    for (const plugin::PluginView& view : host_.list()) {
      json["faults"] = json["faults"].get<std::uint64_t>() + view.faults;
      if (!view.reason.empty()) json["failed"].push_back(view.name + ": " + view.reason);
    }
    json["decisions_by_others"] = scorer_.by_others();
  }

 private:
  plugin::InlineExecutor executor_;
  plugin::Host host_;
  HostScorer scorer_{host_};
  std::vector<Json> layers_;
};

Json layers_of(const Header& header) {
  Json layers = Json::array();
  for (const Layer& layer : header.stack) {
    layers.push_back({{"name", layer.name},
                      {"version", layer.version},
                      {"sha256", layer.sha256},
                      {"weight", layer.weight_per_mille},
                      {"state_bytes", layer.state.size()}});
  }
  return layers;
}

}  // namespace

Result<OfflineOutcome> replay_offline(const OfflineTask& task) {
  auto file = std::make_unique<std::ifstream>(task.trace, std::ios::binary);
  if (!*file) return Error{fmt::format("{} cannot be read: {}", task.trace.string(), std::strerror(errno))};
  auto opened = TraceReader::open(std::move(file));
  if (!opened) return opened.error();
  TraceReader& reader = *opened;
  auto step = reader.next();
  if (!step) return step.error();
  if (!*step)
    return Error{fmt::format("{} has no steps: nothing happened while it was recorded", task.trace.string())};
  const Now begin = (*step)->now;

  const auto scratch = ScratchDirectory::make();
  if (!scratch) return scratch.error();
  Trial trial(scratch->path());
  if (const auto ready = trial.begin(task, reader.header(), begin); !ready) return ready.error();
  // What is loaded needs its file no more, and a plugin that ends this process would leave it behind.
  scratch->clear();
  BuiltinScorer builtin_scorer;
  Run plugin(&trial.scorer()), builtin(&builtin_scorer), recorded(nullptr);
  const bool is_recorded = reader.header().origin == Header::Origin::recorded;
  std::vector<const Run*> runs{&plugin, &builtin};
  std::vector<std::string> names{trial.stack_text(), "builtin"};
  if (is_recorded) {
    runs.push_back(&recorded);
    names.emplace_back("recorded");
  }
  Curves curves(names);
  std::uint64_t steps = 0, controlled = 0, choices = 0, truths = 0;
  Now end = begin;
  while (*step) {
    const Step& now = **step;
    plugin.on_step(now);
    builtin.on_step(now);
    recorded.on_step(now);
    if (task.draws) curves.on_step(now, runs);
    ++steps;
    end = now.now;
    if (now.kind == StepKind::choose) ++choices;
    if (now.kind == StepKind::choose && now.role == ice::Role::controlled) ++controlled;
    for (const Pair& pair : now.pairs)
      truths += pair.truth ? 1 : 0;
    step = reader.next();
    if (!step) return step.error();
  }
  for (Run* run : {&plugin, &builtin, &recorded})
    run->finish(reader.header().last_step);

  Json json{{"trace",
             {{"file", task.trace.string()},
              {"origin", is_recorded ? "recorded" : "generated"},
              {"title", reader.header().title},
              {"begun", format_rfc3339(reader.header().begun)},
              {"steps", steps},
              {"cut_off", reader.is_cut_off()},
              {"truth", truths > 0 ? "told" : "measurements"},
              {"controlled_choices", controlled},
              {"choices", choices},
              {"stack", layers_of(reader.header())}}},
            {"plugin", report(plugin, begin.steady)},
            {"builtin", report(builtin, begin.steady)},
            {"recorded", nullptr}};
  json["plugin"]["stack"] = trial.stack_text();
  trial.describe(reader.header(), end, json["plugin"]);
  const double ours = plugin.totals().cost, theirs = builtin.totals().cost;
  json["plugin"]["regret_against_builtin"] = std::round((ours - theirs) * 1000) / 1000;
  if (is_recorded) {
    json["recorded"] = report(recorded, begin.steady);
    json["recorded"]["comparison"] = comparison_report(plugin, begin.steady);
  }
  OfflineOutcome outcome;
  outcome.report = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (task.draws) outcome.picture = draw(curves, reader.header().title + ": " + trial.stack_text());
  return outcome;
}

}  // namespace causeway::replay
