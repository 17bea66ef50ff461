// Candidate sources: what they are told, and what they ask for. Timers and posted work of transports too.
#include <fmt/format.h>

#include <algorithm>
#include <type_traits>

#include "plugin/host_state.hpp"
#include "plugin/source_adapter.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

namespace {

constexpr Duration kTargetLife = 2min;  // how long answers to a datagram are expected
constexpr std::size_t kMaxTargets = 256;

}  // namespace

void Host::State::call_source(const LoadedPtr& plugin, Now now, const char* what,
                              std::function<cw_status(Instance&)> work) {
  const std::weak_ptr<State> weak = weak_from_this();
  call(plugin, now, std::move(work), [weak, plugin, what, now](std::optional<cw_status> status) {
    const auto state = weak.lock();
    if (!state || !status) return;
    if (*status == CW_OK) return state->on_good_call(plugin, now);
    state->on_fault(plugin, fmt::format("{} failed ({})", what, status_text(*status)));
  });
}

void Host::State::activate_source(const LoadedPtr& plugin, Now now) {
  begin_trial(*plugin, now);
  plugin->state = InstanceState::active;
  // Posted work becomes a call like any other.
  const std::weak_ptr<State> weak = weak_from_this();
  const std::weak_ptr<Loaded> row = plugin;
  Executor* const where = &executor;
  plugin->instance->services().set_wake([weak, row, where] {
    where->post_to_control([weak, row] {
      const auto state = weak.lock();
      const auto target = row.lock();
      if (!state || !target || target->state != InstanceState::active) return;
      state->call_source(target, target->instance->services().moment(), "posted work",
                         [](Instance& instance) {
                           instance.services().run_posted();
                           return CW_OK;
                         });
    });
  });
  configure_source(plugin, now);
  tell_bases(plugin, now);
}

void Host::State::configure_source(const LoadedPtr& plugin, Now now) {
  call_source(plugin, now, "configure", [settings = configuration, kind = plugin->kind](Instance& instance) {
    return kind == Kind::transport ? configure_transport(instance, settings) : configure(instance, settings);
  });
}

void Host::State::tell_bases(const LoadedPtr& plugin, Now now) {
  if (plugin->kind == Kind::transport) return tell_transport_bases(plugin, now);
  call_source(plugin, now, "set_bases",
              [all = bases](Instance& instance) { return plugin::set_bases(instance, all); });
}

void Host::State::carry_out(const LoadedPtr& plugin, Request& request, Now now) {
  if (plugin->state != InstanceState::active) return;
  const std::string& name = plugin->name();
  std::visit(
      [&](auto& wish) {
        using Wish = std::decay_t<decltype(wish)>;
        if constexpr (std::is_same_v<Wish, request::SetTimer>) {
          plugin->timers[wish.timer] = wish.deadline;
          if (callbacks.timeout_changed) callbacks.timeout_changed();
        } else if constexpr (std::is_same_v<Wish, request::CancelTimer>) {
          plugin->timers.erase(wish.timer);
        } else if constexpr (std::is_same_v<Wish, request::Send>) {
          std::erase_if(plugin->targets,
                        [&](const auto& entry) { return entry.second + kTargetLife < now.steady; });
          const Loaded::Held target(wish.base, wish.to);
          if (!plugin->targets.contains(target) && plugin->targets.size() >= kMaxTargets) return;
          plugin->targets[target] = now.steady;
          if (callbacks.send_udp) callbacks.send_udp(wish.base, wish.to, wish.bytes);
        } else if constexpr (std::is_same_v<Wish, request::Found>) {
          const Loaded::Held found(wish.base, wish.address);
          // Of a generation on trial, or one that is on its way out: the other may know it.
          const bool is_known = plugin->inherited.erase(found) > 0 || is_held_beside(*plugin, found);
          const bool is_new = plugin->held.insert(found).second && !is_known;
          if (is_new && callbacks.candidate_found)
            callbacks.candidate_found(name, wish.base, wish.type, wish.address);
        } else if constexpr (std::is_same_v<Wish, request::Lost>) {
          std::set<Loaded::Held> one = {{wish.base, wish.address}};
          if (plugin->held.erase(*one.begin()) > 0 && !is_held_beside(*plugin, *one.begin()))
            drop_candidates(*plugin, one);
        } else if constexpr (std::is_same_v<Wish, request::Done>) {
          if (plugin->replacement) {
            plugin->replacement->has_tried_everything = true;
          } else {
            drop_candidates(*plugin, plugin->inherited);
          }
          if (callbacks.gathering_done) callbacks.gathering_done(name);
        } else {
          carry_out_link(plugin, request, now);
        }
      },
      request);
}

bool Host::State::is_held_beside(const Loaded& plugin, const Loaded::Held& candidate) const {
  return std::any_of(rows.begin(), rows.end(), [&](const LoadedPtr& row) {
    return row.get() != &plugin && row->name() == plugin.name() && row->held.contains(candidate);
  });
}

void Host::State::drop_candidates(Loaded& plugin, std::set<Loaded::Held>& which) {
  // Callbacks may come back in here: nothing is iterated that they could change.
  const auto gone = std::exchange(which, {});
  for (const auto& [base, address] : gone) {
    if (callbacks.candidate_lost) callbacks.candidate_lost(plugin.name(), base, address);
  }
}

bool Host::State::on_datagram(net::BaseId base, const net::Endpoint& from, ByteView bytes, Now now) {
  if (bytes.empty() || bytes.size() > 0xffff) return false;
  for (const LoadedPtr& plugin : rows) {
    if (plugin->state != InstanceState::active || plugin->kind != Kind::candidate_source) continue;
    const auto target = plugin->targets.find({base, from});
    if (target == plugin->targets.end() || target->second + kTargetLife < now.steady) continue;
    auto work = [base, from, copy = Bytes(bytes.begin(), bytes.end())](Instance& instance) {
      return give_datagram(instance, base, from, copy);
    };
    call_source(plugin, now, "on_datagram", std::move(work));
    return true;
  }
  return false;
}

void Host::State::on_timeout(Now now) {
  std::vector<std::pair<LoadedPtr, std::uint32_t>> due;
  for (const LoadedPtr& plugin : rows) {
    if (plugin->trial_ends && *plugin->trial_ends <= now.steady) {
      plugin->trial_ends.reset();
      markers.survived(plugin->name());
    }
    for (const auto& [timer, deadline] : plugin->timers) {
      if (deadline <= now.steady) due.emplace_back(plugin, timer);
    }
  }
  tell_reloads(now);
  for (const LoadedPtr& plugin : std::vector(rows)) {
    if (plugin->look_at && *plugin->look_at <= now.steady) look_at_data_threads(plugin, now);
    if (plugin->leave_at && *plugin->leave_at <= now.steady) leave_paths(*plugin);
    if (plugin->linger_until && *plugin->linger_until <= now.steady) {
      plugin->linger_until.reset();
      retire(plugin);
    }
  }
  for (const auto& [plugin, timer] : due) {
    if (plugin->timers.erase(timer) == 0) continue;
    call_source(plugin, now, "on_timer", [id = timer, kind = plugin->kind](Instance& instance) {
      return kind == Kind::transport ? fire_transport_timer(instance, id) : fire_timer(instance, id);
    });
  }
}

std::optional<SteadyTime> Host::State::next_timeout() const {
  std::optional<SteadyTime> next;
  const auto consider = [&](SteadyTime time) { next = std::min(next.value_or(time), time); };
  for (const LoadedPtr& plugin : rows) {
    if (plugin->trial_ends) consider(*plugin->trial_ends);
    if (plugin->replacement && plugin->replacement->done) consider(plugin->replacement->tell_by);
    for (const auto& [timer, deadline] : plugin->timers)
      consider(deadline);
    if (plugin->look_at) consider(*plugin->look_at);
    if (plugin->leave_at) consider(*plugin->leave_at);
    if (plugin->linger_until) consider(*plugin->linger_until);
  }
  return next;
}

}  // namespace causeway::plugin
