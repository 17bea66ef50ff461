// Calls into plugins and what their faults lead to.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "plugin/host_state.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

void Host::State::call(const LoadedPtr& plugin, Now now, std::function<cw_status(Instance&)> work,
                       Settled settled) {
  ++plugin->calls;
  const std::weak_ptr<State> weak = weak_from_this();
  auto task = [weak, plugin, now, work = std::move(work), settled]() -> Executor::Completion {
    Instance& instance = *plugin->instance;
    // An earlier call of it was given up, or it has been ended: what waited behind is not asked.
    if (instance.is_abandoned() || instance.get() == nullptr) return [settled] { settled(std::nullopt); };
    instance.services().begin(now);
    const cw_status status = work(instance);
    auto requests = std::make_shared<std::vector<Request>>(instance.services().take());
    return [weak, plugin, now, status, requests, settled] {
      const auto state = weak.lock();
      if (!state) return;
      for (Request& request : *requests)
        state->carry_out(plugin, request, now);
      settled(status);
    };
  };
  auto overtaken = [weak, plugin, settled] {
    const auto state = weak.lock();
    if (!state) return plugin->instance->abandon();
    state->abandon(plugin);
    settled(std::nullopt);
  };
  executor.run_watched(std::move(task), options.call_budget, std::move(overtaken));
}

void Host::State::abandon(const LoadedPtr& plugin) {
  plugin->instance->abandon();
  ++plugin->faults;
  fail(plugin,
       fmt::format("a call took longer than {:.0f} ms and was given up: reload it, the old code stays mapped",
                   to_milliseconds(options.call_budget)));
}

void Host::State::on_fault(const LoadedPtr& plugin, const std::string& what) {
  ++plugin->faults;
  ++plugin->faults_in_a_row;
  log::warning("plugin", "{}: {} (fault {} in a row)", plugin->name(), what, plugin->faults_in_a_row);
  if (plugin->replacement) return roll_back(plugin, what);
  if (plugin->state == InstanceState::active && plugin->faults_in_a_row >= options.fault_limit) {
    fail(plugin, fmt::format("{} faults in a row, the last: {}", plugin->faults_in_a_row, what));
  }
}

void Host::State::fail(const LoadedPtr& plugin, const std::string& reason) {
  if (plugin->state == InstanceState::failed) return;
  if (plugin->replacement) return roll_back(plugin, reason);
  const bool was_draining = plugin->state == InstanceState::draining;
  plugin->state = InstanceState::failed;
  plugin->reason = reason;
  plugin->timers.clear();
  plugin->targets.clear();
  end_trial(*plugin);
  log::error("plugin", "{} has failed: {}", plugin->name(), reason);
  plugin->look_at.reset();
  plugin->linger_until.reset();
  plugin->leave_at.reset();
  close_links(*plugin);
  if (plugin->kind == Kind::candidate_source) {
    drop_candidates(*plugin, plugin->held);
    drop_candidates(*plugin, plugin->inherited);
  }
  if (was_draining) return;
  const auto gone =
      std::remove_if(stack.begin(), stack.end(), [&](const Layer& layer) { return layer.plugin == plugin; });
  if (gone == stack.end()) return;
  stack.erase(gone, stack.end());
  log::info("plugin", "the priority stack is {}", stack_text());
  ranking_changed();
}

void Host::State::ranking_changed() const {
  if (callbacks.ranking_changed) callbacks.ranking_changed();
}

}  // namespace causeway::plugin
