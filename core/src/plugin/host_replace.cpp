// A new generation in the place of an old one: hand-over of state, proof, rollback.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "plugin/host_state.hpp"
#include "plugin/state_adapter.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

namespace {

/// Whoever asked for a swap is told of success so late at the latest; where nothing has been asked by then,
/// the old generation stays in reserve.
constexpr Duration kTellSuccess = 1s;
/// A transport's chance to say that it has tried everything.
constexpr Duration kTransportChance = 15s;
static_assert(kTransportChance < Host::kReloadLimit);
/// What a source is asked first: configure and set_bases.
constexpr std::uint32_t kFirstCallsOfASource = 2;

bool has_allocation(const Loaded& plugin) {
  return std::any_of(plugin.links.begin(), plugin.links.end(),
                     [](const auto& link) { return link.second.is_allocated; });
}

}  // namespace

void Host::State::reload(const std::string& name, Examination& examined, bool force, Now now, Done done) {
  LoadedPtr old = find(name);
  if (!old) return done(Error{fmt::format("{} is not loaded", name)});
  if (old->replacement && !old->replacement->done)
    roll_back(std::exchange(old, old->replacement->old), "another takes its place before anything was asked");
  if (old->is_being_replaced || old->replacement)
    return done(Error{fmt::format("{} is being replaced at this moment: wait for that", name)});
  auto opened = open_generation(examined);
  if (!opened) {
    return done(Error{fmt::format("{} (generation {} stays)", opened.error().message, old->generation)});
  }
  const LoadedPtr fresh = *opened;
  if (fresh->name() != name || fresh->kind != old->kind) {
    const Error error{fmt::format("{} is another plugin, {}: load it as such (generation {} of {} stays)",
                                  old->file.string(), fresh->name(), old->generation, name)};
    retire(fresh);
    return done(error);
  }
  old->is_being_replaced = true;
  const std::weak_ptr<State> weak = weak_from_this();
  hand_over(old, fresh, now, [weak, old, fresh, force, now, done = std::move(done)](bool is_fit) {
    const auto state = weak.lock();
    if (!state) return;
    old->is_being_replaced = false;
    const bool is_there = std::find(state->rows.begin(), state->rows.end(), old) != state->rows.end() &&
                          old->state != InstanceState::draining && old->state != InstanceState::pinned &&
                          !state->is_stopping;
    if (is_fit && is_there) return state->install(old, fresh, force, now, done);
    const std::string why = is_there ? fresh->reason : "it was unloaded meanwhile";
    state->retire(fresh);
    done(Error{fmt::format("{} (generation {} {})", why, old->generation, is_there ? "stays" : "is gone")});
  });
}

void Host::State::hand_over(const LoadedPtr& old, const LoadedPtr& fresh, Now now,
                            std::function<void(bool)> then) {
  // What a failed one has learnt may be why it failed.
  if (old->state == InstanceState::failed) return then(true);
  const std::weak_ptr<State> weak = weak_from_this();
  const auto starts_cold = [old, fresh](const std::string& why) {
    fresh->reason = fmt::format("started cold: {}", why);
    log::warning("plugin", "{}: generation {} {}", fresh->name(), fresh->generation, fresh->reason);
  };
  auto exported = std::make_shared<ExportAnswer>();
  auto work = [exported](Instance& instance) {
    *exported = export_state(instance);
    return CW_OK;
  };
  call(old, now, std::move(work),
       [weak, fresh, now, then, exported, starts_cold](std::optional<cw_status> ended) {
         const auto state = weak.lock();
         if (!state) return;
         if (ended && exported->status == CW_ERROR_NOT_SUPPORTED) return then(true);
         if (!ended || exported->status != CW_OK) {
           starts_cold(fmt::format("the old generation gave no state ({})",
                                   ended ? status_text(exported->status) : "it did not return"));
           return then(true);
         }
         if (exported->state.bytes.empty()) return then(true);
         const auto opened = open_state(seal_state(exported->state));
         if (!opened || opened->plugin != fresh->name()) {
           starts_cold(opened ? "the state is another plugin's" : opened.error().message);
           return then(true);
         }
         auto imported = std::make_shared<cw_status>(CW_OK);
         auto offer = [imported, saved = *opened](Instance& instance) {
           *imported = import_state(instance, saved);
           return CW_OK;
         };
         state->call(fresh, now, std::move(offer),
                     [fresh, then, imported, starts_cold, schema = opened->schema,
                      size = opened->bytes.size()](std::optional<cw_status> returned) {
                       if (!returned) {
                         fresh->reason = "the new generation did not return from import_state";
                         return then(false);
                       }
                       if (*imported == CW_OK) {
                         log::info("plugin", "{}: generation {} goes on with {} bytes of state, schema {}",
                                   fresh->name(), fresh->generation, size, schema);
                       } else if (*imported == CW_ERROR_NOT_SUPPORTED) {
                         starts_cold(fmt::format("it does not know the state of schema {}", schema));
                       } else {
                         starts_cold(fmt::format("it did not take the state ({})", status_text(*imported)));
                       }
                       then(true);
                     });
       });
}

void Host::State::install(const LoadedPtr& old, const LoadedPtr& fresh, bool force, Now now, Done done) {
  end_trial(*old);
  rows.insert(std::find(rows.begin(), rows.end(), old), fresh);
  log::info("plugin", "{} is generation {} of {}", fresh->name(), fresh->generation, fresh->file.string());
  const auto layer =
      std::find_if(stack.begin(), stack.end(), [&](const Layer& l) { return l.plugin == old; });
  // Nothing asks it, or the old one answers no more.
  const bool is_simple =
      fresh->kind == Kind::priority ? layer == stack.end() : old->state == InstanceState::failed;
  if (!is_simple) {
    const Duration limit = fresh->kind == Kind::transport ? kTransportChance : kTellSuccess;
    fresh->replacement = {.old = old, .done = std::move(done), .tell_by = now.steady + limit, .force = force};
    fresh->reserve = old;
    if (callbacks.timeout_changed) callbacks.timeout_changed();
  }
  if (fresh->kind == Kind::priority) {
    if (is_simple) {
      retire(old);
      return done({});
    }
    begin_trial(*fresh, now);
    fresh->state = InstanceState::active;
    layer->plugin = fresh;
    old->state = InstanceState::draining;
    old->is_in_reserve = true;
    old->reason = fmt::format("in reserve until generation {} has answered", fresh->generation);
    return ranking_changed();
  }
  if (is_simple) retire(old);
  if (fresh->kind == Kind::candidate_source) {
    // What is known already is not told again, and is withdrawn only once this one has not found it either.
    fresh->inherited = old->held;
    fresh->inherited.insert(old->inherited.begin(), old->inherited.end());
    if (is_simple) old->held.clear();
  }
  activate_source(fresh, now);
  if (is_simple) done({});
}

void Host::State::on_proof(const LoadedPtr& plugin, Now now) {
  Loaded::Replacement& replacement = *plugin->replacement;
  ++replacement.good_calls;
  if (plugin->kind == Kind::priority) return confirm(plugin, now);
  if (replacement.good_calls < kFirstCallsOfASource) return;
  if (plugin->kind == Kind::candidate_source) return confirm(plugin, now);
  // What has no allocation yet may still get one, as long as there are links to get it by.
  if (replacement.has_tried_everything &&
      (has_allocation(*plugin) || plugin->links.empty() || !has_allocation(*replacement.old)))
    settle_transport(plugin, now);
}

void Host::State::confirm(const LoadedPtr& fresh, Now now) {
  const Loaded::Replacement replacement = *std::exchange(fresh->replacement, std::nullopt);
  const LoadedPtr& old = replacement.old;
  if (fresh->kind == Kind::transport) {
    linger(old, now);
  } else {
    for (const Loaded::Held& held : std::exchange(old->held, {})) {
      if (!fresh->held.contains(held)) fresh->inherited.insert(held);
    }
    retire(old);
    if (replacement.has_tried_everything) drop_candidates(*fresh, fresh->inherited);
  }
  if (replacement.done) replacement.done({});
}

/// The new generation has tried everything, or its time is up.
void Host::State::settle_transport(const LoadedPtr& fresh, Now now) {
  const LoadedPtr old = fresh->replacement->old;
  if (has_allocation(*fresh) || !has_allocation(*old)) return confirm(fresh, now);
  const bool is_needed = callbacks.is_only_path && callbacks.is_only_path(fresh->name());
  if (is_needed && !fresh->replacement->force) {
    return roll_back(fresh,
                     "it got no second allocation beside the one in use, which is the only path to a peer: "
                     "raise the quota of the relay, or reload with --force, which interrupts it");
  }
  // Break before make: the old one gives back what it has, then this one asks anew.
  const Loaded::Replacement replacement = *std::exchange(fresh->replacement, std::nullopt);
  old->restarts_after_me = fresh;
  retire(old);
  if (replacement.done) replacement.done({});
}

void Host::State::roll_back(const LoadedPtr& fresh, const std::string& why) {
  const Loaded::Replacement replacement = *std::exchange(fresh->replacement, std::nullopt);
  const LoadedPtr& old = replacement.old;
  const std::string what = fmt::format("generation {} was taken back: {}", fresh->generation, why);
  log::warning("plugin", "{}: {}", fresh->name(), what);
  old->reason = what;
  old->is_in_reserve = false;
  end_trial(*fresh);
  if (fresh->kind == Kind::priority) {
    const auto layer =
        std::find_if(stack.begin(), stack.end(), [&](const Layer& l) { return l.plugin == fresh; });
    old->state = layer == stack.end() ? InstanceState::loaded : InstanceState::active;
    if (layer != stack.end()) layer->plugin = old;
  }
  fresh->inherited.clear();
  auto found = std::exchange(fresh->held, {});
  std::erase_if(found, [&](const Loaded::Held& held) { return old->held.contains(held); });
  drop_candidates(*fresh, found);
  fresh->reason = why;
  retire(fresh);
  if (replacement.done)
    replacement.done(Error{fmt::format("{} (generation {} goes on)", why, old->generation)});
  if (fresh->kind == Kind::priority) ranking_changed();
}

void Host::State::tell_reloads(Now now) {
  for (const LoadedPtr& plugin : std::vector(rows)) {
    if (!plugin->replacement || !plugin->replacement->done || now.steady < plugin->replacement->tell_by)
      continue;
    if (plugin->kind == Kind::transport) {
      settle_transport(plugin, now);
    } else {
      std::exchange(plugin->replacement->done, nullptr)({});
    }
  }
}

}  // namespace causeway::plugin
