// Loading, swapping and unloading.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/log.hpp"
#include "plugin/host_state.hpp"
#include "plugin/probe.hpp"
#include "plugin/self_check.hpp"
#include "plugin/trusted_copy.hpp"

namespace causeway::plugin {

namespace {

constexpr std::size_t kMaxLayers = 8;
constexpr std::uint32_t kMaxWeight = 1'000'000;

/// A file name of ours, whatever the original is called.
std::string safe_stem(const std::filesystem::path& file) {
  std::string stem = file.stem().string().substr(0, 64);
  for (char& c : stem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (!plain) c = '_';
  }
  return stem;
}

}  // namespace

LoadedPtr Host::State::find(const std::string& name) const {
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const LoadedPtr& row) {
    return row->name() == name && row->state != InstanceState::draining &&
           row->state != InstanceState::pinned;
  });
  return at == rows.end() ? nullptr : *at;
}

Result<LoadedPtr> Host::State::open_generation(const std::filesystem::path& file, Now) {
  const auto refused = [&](const std::string& why) {
    return Error{fmt::format("{}: {}", file.string(), why)};
  };
  const std::string stem = safe_stem(file);
  auto plugin = std::make_shared<Loaded>();
  plugin->generation = ++generations[stem];
  const auto copy =
      make_trusted_copy(file, options.private_directory, fmt::format("{}.{}.so", stem, plugin->generation));
  if (!copy) return refused(copy.error().message);
  plugin->file = file;
  plugin->copy = copy->path;
  plugin->sha256 = copy->sha256;

  // From here on a refusal takes the copy with it.
  const auto steps = [&]() -> Result<void> {
    if (options.probe_program) {
      if (auto ok = run_probe(*options.probe_program, copy->path, options.probe_limit); !ok) return ok;
    }
    auto library = PluginLibrary::open(copy->path);
    if (!library) return library.error();
    plugin->descriptor = (*library)->descriptor();
    plugin->kind = plugin->descriptor.kind == CW_KIND_PRIORITY    ? Kind::priority
                   : plugin->descriptor.kind == CW_KIND_TRANSPORT ? Kind::transport
                                                                  : Kind::candidate_source;
    plugin->number = ++last_number;
    if (auto ok = self_check(*library); !ok) return ok;
    if (auto ok = markers.may_start(plugin->name(), plugin->sha256); !ok) return ok;
    auto instance = Instance::create(*library, options.seed + plugin->generation);
    if (!instance) return instance.error();
    plugin->instance = std::move(*instance);
    return {};
  };
  if (auto ok = steps(); !ok) {
    std::error_code error;
    std::filesystem::remove(copy->path, error);
    return refused(ok.error().message);
  }
  return plugin;
}

Result<void> Host::State::use(const std::vector<StackEntry>& entries, Now now) {
  if (entries.empty()) return Error{"name at least one priority plugin (causeway plugin list shows them)"};
  if (entries.size() > kMaxLayers) return Error{fmt::format("at most {} plugins can be stacked", kMaxLayers)};
  std::vector<Layer> next;
  for (const StackEntry& entry : entries) {
    const LoadedPtr plugin = find(entry.name);
    if (!plugin) return Error{fmt::format("{} is not loaded: load its file first", entry.name)};
    if (plugin->kind != Kind::priority) return Error{fmt::format("{} is not a priority plugin", entry.name)};
    if (plugin->state == InstanceState::failed) {
      return Error{fmt::format("{} has failed ({}): reload it first", entry.name, plugin->reason)};
    }
    if (entry.weight_per_mille == 0 || entry.weight_per_mille > kMaxWeight) {
      return Error{
          fmt::format("the weight of {} must be 1 to {} (1000 is one part)", entry.name, kMaxWeight)};
    }
    const bool twice =
        std::any_of(next.begin(), next.end(), [&](const Layer& layer) { return layer.plugin == plugin; });
    if (twice) return Error{fmt::format("{} is named twice", entry.name)};
    next.push_back({plugin, entry.weight_per_mille});
  }
  for (const Layer& layer : stack) {
    layer.plugin->state = InstanceState::loaded;
    const bool stays = std::any_of(next.begin(), next.end(),
                                   [&](const Layer& other) { return other.plugin == layer.plugin; });
    if (!stays) end_trial(*layer.plugin);
  }
  for (const Layer& layer : next) {
    begin_trial(*layer.plugin, now);
    layer.plugin->state = InstanceState::active;
  }
  stack = std::move(next);
  log::info("plugin", "the priority stack is {}", stack_text());
  ranking_changed();
  return {};
}

Result<void> Host::State::reload(const std::string& name, Now now) {
  const LoadedPtr old = find(name);
  if (!old) return Error{fmt::format("{} is not loaded", name)};
  auto opened = open_generation(old->file, now);
  if (!opened) return Error{fmt::format("{} (generation {} stays)", opened.error().message, old->generation)};
  const LoadedPtr fresh = *opened;
  if (fresh->name() != name || fresh->kind != old->kind) {
    const auto copy = fresh->copy;
    fresh->instance->end();
    fresh->instance->library().close();
    std::error_code error;
    std::filesystem::remove(copy, error);
    return Error{fmt::format("{} is another plugin, {}: load it as such (generation {} of {} stays)",
                             old->file.string(), fresh->name(), old->generation, name)};
  }
  end_trial(*old);
  rows.insert(std::find(rows.begin(), rows.end(), old), fresh);
  if (fresh->kind == Kind::transport) {
    linger(old, now);
    activate_source(fresh, now);
    return {};
  }
  if (fresh->kind == Kind::candidate_source) {
    fresh->inherited = std::exchange(old->held, {});
    fresh->inherited.merge(old->inherited);
    retire(old);
    activate_source(fresh, now);
    return {};
  }
  const auto layer =
      std::find_if(stack.begin(), stack.end(), [&](const Layer& l) { return l.plugin == old; });
  if (layer != stack.end()) {
    begin_trial(*fresh, now);
    fresh->state = InstanceState::active;
    layer->plugin = fresh;
  }
  const bool was_used = layer != stack.end();
  retire(old);
  log::info("plugin", "{} is generation {} of {}", fresh->name(), fresh->generation, fresh->file.string());
  if (was_used) ranking_changed();
  return {};
}

Result<void> Host::State::unload(const std::string& name, Now) {
  const LoadedPtr plugin = find(name);
  if (!plugin) return Error{fmt::format("{} is not loaded", name)};
  const std::size_t removed =
      std::erase_if(stack, [&](const Layer& layer) { return layer.plugin == plugin; });
  end_trial(*plugin);
  drop_candidates(*plugin, plugin->held);
  drop_candidates(*plugin, plugin->inherited);
  retire(plugin);
  if (removed > 0) {
    log::info("plugin", "the priority stack is {}", stack_text());
    ranking_changed();
  }
  return {};
}

void Host::State::begin_trial(Loaded& plugin, Now now) {
  if (plugin.trial_ends || plugin.state == InstanceState::active) return;
  markers.started(plugin.name(), plugin.sha256);
  plugin.trial_ends = now.steady + CrashMarkers::kTrial;
  if (callbacks.timeout_changed) callbacks.timeout_changed();
}

void Host::State::end_trial(Loaded& plugin) {
  if (!plugin.trial_ends) return;
  plugin.trial_ends.reset();
  markers.stopped(plugin.name(), plugin.sha256);
}

void Host::State::retire(const LoadedPtr& plugin) {
  if (plugin->instance->is_abandoned()) {
    plugin->state = InstanceState::pinned;
    plugin->reason = "a call into it never came back: it stays mapped until the daemon restarts";
    return;
  }
  plugin->state = InstanceState::draining;
  plugin->timers.clear();
  plugin->targets.clear();
  plugin->look_at.reset();
  plugin->linger_until.reset();
  close_links(*plugin);
  const std::weak_ptr<State> weak = weak_from_this();
  auto task = [weak, plugin]() -> Executor::Completion {
    if (plugin->instance->is_abandoned()) {
      return [weak, plugin] {
        if (const auto state = weak.lock()) state->retire(plugin);
      };
    }
    // A call of a data thread lasts microseconds; one that lasts longer than our budget is overtaken with us,
    // and the instance stays.
    while (plugin->data_use->in_flight.load(std::memory_order_seq_cst) != 0)
      std::this_thread::yield();
    if (plugin->instance->is_abandoned()) return {};
    plugin->instance->end();
    const auto closed = plugin->instance->library().close();
    return [weak, plugin, closed] {
      std::error_code error;
      std::filesystem::remove(plugin->copy, error);
      const auto state = weak.lock();
      if (!state) return;
      if (closed == PluginLibrary::Closed::gone) return state->forget(plugin);
      plugin->state = InstanceState::pinned;
      plugin->reason =
          "still in memory after unloading: build it with the SDK's version script and without threads";
      log::warning("plugin", "{}: {}", plugin->name(), plugin->reason);
    };
  };
  auto overtaken = [weak, plugin] {
    plugin->instance->abandon();
    if (const auto state = weak.lock()) state->retire(plugin);
  };
  executor.run_watched(std::move(task), options.call_budget, std::move(overtaken));
}

void Host::State::forget(const LoadedPtr& plugin) { std::erase(rows, plugin); }

}  // namespace causeway::plugin
