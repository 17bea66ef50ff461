// Loading, swapping and unloading.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/log.hpp"
#include "plugin/host_state.hpp"
#include "plugin/self_check.hpp"

namespace causeway::plugin {

namespace {

constexpr std::size_t kMaxLayers = 8;
constexpr std::uint32_t kMaxWeight = 1'000'000;

}  // namespace

LoadedPtr Host::State::find(const std::string& name) const {
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const LoadedPtr& row) {
    return row->name() == name && row->state != InstanceState::draining &&
           row->state != InstanceState::pinned;
  });
  return at == rows.end() ? nullptr : *at;
}

Result<LoadedPtr> Host::State::open_generation(Examination& examined) {
  const auto copy = examined.take();
  if (!copy) return copy.error();
  auto plugin = std::make_shared<Loaded>();
  plugin->generation = examined.generation();
  plugin->file = examined.file();
  plugin->copy = copy->path;
  plugin->sha256 = copy->sha256;
  const auto steps = [&]() -> Result<void> {
    auto library = PluginLibrary::open(copy->path);
    if (!library) return library.error();
    plugin->descriptor = (*library)->descriptor();
    plugin->kind = plugin->descriptor.kind == CW_KIND_PRIORITY    ? Kind::priority
                   : plugin->descriptor.kind == CW_KIND_TRANSPORT ? Kind::transport
                                                                  : Kind::candidate_source;
    plugin->number = ++last_number;
    // The probe has done that, and decisions wait while we do it here.
    if (!examined.was_probed()) {
      if (auto ok = self_check(*library); !ok) return ok;
    }
    if (auto ok = markers.may_start(plugin->name(), plugin->sha256); !ok) return ok;
    auto instance = Instance::create(*library, options.seed + plugin->generation);
    if (!instance) return instance.error();
    plugin->instance = std::move(*instance);
    return {};
  };
  if (auto ok = steps(); !ok) return Error{fmt::format("{}: {}", plugin->file.string(), ok.error().message)};
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

Result<void> Host::State::unload(const std::string& name, Now) {
  const LoadedPtr plugin = find(name);
  if (!plugin) return Error{fmt::format("{} is not loaded", name)};
  const std::size_t removed =
      std::erase_if(stack, [&](const Layer& layer) { return layer.plugin == plugin; });
  end_trial(*plugin);
  if (auto replacement = std::exchange(plugin->replacement, std::nullopt)) {
    plugin->inherited.merge(replacement->old->held);
    retire(replacement->old);
    if (replacement->done) replacement->done(Error{fmt::format("{} was unloaded meanwhile", name)});
  }
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
  plugin->is_in_reserve = false;
  if (plugin->instance->is_abandoned()) {
    plugin->state = InstanceState::pinned;
    plugin->reason = "a call into it never came back: it stays mapped until the daemon restarts";
    close_links(*plugin);
    return look_whether_stopped();
  }
  plugin->state = InstanceState::draining;
  plugin->timers.clear();
  plugin->targets.clear();
  plugin->look_at.reset();
  plugin->linger_until.reset();
  plugin->leave_at.reset();
  // Packets end here; the links stay for what it has to say at the end.
  for (auto& [serial, link] : plugin->links)
    link.codec->close();
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
    plugin->instance->drain();
    auto farewell = std::make_shared<std::vector<Request>>(plugin->instance->services().take());
    plugin->instance->end();
    const auto closed = plugin->instance->library().close();
    return [weak, plugin, closed, farewell] {
      plugin->remove_copy();
      const auto state = weak.lock();
      if (!state) return;
      state->carry_out_farewell(*plugin, *farewell);
      state->on_retired(plugin, closed);
    };
  };
  auto overtaken = [weak, plugin] {
    plugin->instance->abandon();
    if (const auto state = weak.lock()) state->retire(plugin);
  };
  executor.run_watched(std::move(task), options.call_budget, std::move(overtaken));
}

void Host::State::carry_out_farewell(Loaded& plugin, std::vector<Request>& requests) {
  for (Request& request : requests) {
    if (const auto* send = std::get_if<request::Send>(&request)) {
      if (callbacks.send_udp) callbacks.send_udp(send->base, send->to, send->bytes);
    } else if (const auto* message = std::get_if<request::SendOnLink>(&request)) {
      send_on_link(plugin, *message);
    }
  }
  close_links(plugin);
}

void Host::State::on_retired(const LoadedPtr& plugin, PluginLibrary::Closed closed) {
  if (closed == PluginLibrary::Closed::gone) {
    std::erase(rows, plugin);
  } else {
    plugin->state = InstanceState::pinned;
    plugin->reason =
        "still in memory after unloading: build it with the SDK's version script and without threads";
    log::warning("plugin", "{}: {}", plugin->name(), plugin->reason);
  }
  const LoadedPtr next = std::exchange(plugin->restarts_after_me, {}).lock();
  if (next && next->state == InstanceState::active)
    restart_transport(next, next->instance->services().moment());
  look_whether_stopped();
}

void Host::State::stop(std::function<void()> done) {
  is_stopping = true;
  stopped = std::move(done);
  stack.clear();
  for (const LoadedPtr& plugin : std::vector(rows)) {
    end_trial(*plugin);
    plugin->replacement.reset();
    const bool is_retired =
        plugin->state == InstanceState::draining && !plugin->linger_until && !plugin->is_in_reserve;
    if (!is_retired && plugin->state != InstanceState::pinned) retire(plugin);
  }
  look_whether_stopped();
}

void Host::State::look_whether_stopped() {
  if (!stopped) return;
  const bool all_gone = std::all_of(rows.begin(), rows.end(), [](const LoadedPtr& plugin) {
    return plugin->state == InstanceState::pinned;
  });
  if (all_gone) std::exchange(stopped, nullptr)();
}

}  // namespace causeway::plugin
