// Transports: the links they ask for, and what becomes of them. Who drives the sockets is behind the
// callbacks.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "plugin/host_state.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

namespace {

/// Messages that wait for the plugin thread; a flood from the network is cut here.
constexpr std::size_t kMaxMessagesWaiting = 128;
/// How often what data threads met is looked at while there are links.
constexpr Duration kLookEvery = 1s;
/// The paths of a new generation are checked for so long before those of the old one are left; and so long
/// after that, peers may still send by these.
constexpr Duration kCheckedIn = 1500ms;
constexpr Duration kLeftIn = 1500ms;

LinkId id_of(const Loaded& plugin, std::uint32_t serial) {
  return LinkId{(std::uint64_t{plugin.number} << 32) | serial};
}

}  // namespace

Host::State::FoundLink Host::State::find_link(LinkId link) const {
  const auto value = static_cast<std::uint64_t>(link);
  const auto number = static_cast<std::uint32_t>(value >> 32);
  const auto serial = static_cast<std::uint32_t>(value);
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const LoadedPtr& plugin) { return plugin->number == number; });
  if (row == rows.end()) return {};
  const auto at = (*row)->links.find(serial);
  if (at == (*row)->links.end()) return {};
  return {*row, {at->second.id, serial}};
}

// ---- what the plugin asks for ----

void Host::State::open_link(const LoadedPtr& plugin, request::OpenLink& wish, Now now) {
  const bool has_base =
      std::any_of(bases.begin(), bases.end(), [&](const BaseView& view) { return view.base == wish.base; });
  auto codec = std::make_shared<InstanceCodec>(plugin->instance->table<cw_transport>(),
                                               plugin->instance->get(), wish.link, plugin->data_use);
  plugin->links[wish.serial] = {wish.link, wish.base, codec, false};
  if (!plugin->look_at) {
    plugin->look_at = now.steady + kLookEvery;
    if (callbacks.timeout_changed) callbacks.timeout_changed();
  }
  const LinkId id = id_of(*plugin, wish.serial);
  if (!has_base || !callbacks.open_link) {
    return on_link_closed(id, has_base ? "no links here" : "the base is gone", now);
  }
  const LinkKind kind = wish.kind == CW_LINK_UDP   ? LinkKind::udp
                        : wish.kind == CW_LINK_TCP ? LinkKind::tcp
                                                   : LinkKind::tls;
  callbacks.open_link({id, plugin->name(), wish.base, kind, wish.server, std::move(wish.server_name),
                       wish.verify, std::move(codec)});
}

void Host::State::carry_out_link(const LoadedPtr& plugin, Request& request, Now now) {
  if (plugin->kind != Kind::transport) return;
  if (auto* open = std::get_if<request::OpenLink>(&request)) return open_link(plugin, *open, now);
  if (const auto* close = std::get_if<request::CloseLink>(&request)) {
    close_link(*plugin, close->serial);
    return;
  }
  const auto is_there = [&](std::uint32_t serial) {
    const auto at = plugin->links.find(serial);
    return at != plugin->links.end() && at->second.is_open;
  };
  if (const auto* send = std::get_if<request::SendOnLink>(&request)) {
    send_on_link(*plugin, *send);
  } else if (const auto* allocated = std::get_if<request::Allocated>(&request)) {
    if (!is_there(allocated->serial) || !callbacks.link_allocated) return;
    plugin->links[allocated->serial].is_allocated = true;
    callbacks.link_allocated(
        id_of(*plugin, allocated->serial),
        {allocated->relayed, allocated->mapped, allocated->label.empty() ? plugin->name() : allocated->label,
         allocated->overhead});
  } else if (const auto* lost = std::get_if<request::AllocationLost>(&request)) {
    if (!is_there(lost->serial) || !callbacks.allocation_lost) return;
    plugin->links[lost->serial].is_allocated = false;
    callbacks.allocation_lost(id_of(*plugin, lost->serial), lost->reason);
  }
}

void Host::State::send_on_link(Loaded& plugin, const request::SendOnLink& message) {
  const auto at = plugin.links.find(message.serial);
  if (at == plugin.links.end() || !at->second.is_open || !callbacks.send_on_link) return;
  callbacks.send_on_link(id_of(plugin, message.serial), message.bytes);
}

bool Host::State::close_link(Loaded& plugin, std::uint32_t serial) {
  const auto at = plugin.links.find(serial);
  if (at == plugin.links.end()) return false;
  at->second.codec->close();
  plugin.links.erase(at);
  if (callbacks.close_link) callbacks.close_link(id_of(plugin, serial));
  return true;
}

void Host::State::close_links(Loaded& plugin) {
  while (!plugin.links.empty())
    close_link(plugin, plugin.links.begin()->first);
}

// ---- what the plugin is told ----

void Host::State::tell_transport_bases(const LoadedPtr& plugin, Now now) {
  std::vector<std::uint32_t> closed;
  for (const auto& [serial, link] : plugin->links) {
    const bool stays =
        std::any_of(bases.begin(), bases.end(), [&](const BaseView& view) { return view.base == link.base; });
    if (!stays) closed.push_back(serial);
  }
  for (const std::uint32_t serial : closed)
    close_link(*plugin, serial);
  call_source(plugin, now, "set_bases", [all = bases, closed](Instance& instance) {
    return set_transport_bases(instance, all, closed);
  });
}

void Host::State::restart_transport(const LoadedPtr& plugin, Now now) {
  std::vector<std::uint32_t> closed;
  for (const auto& [serial, link] : plugin->links)
    closed.push_back(serial);
  close_links(*plugin);
  call_source(plugin, now, "set_bases",
              [closed](Instance& instance) { return set_transport_bases(instance, {}, closed); });
  tell_transport_bases(plugin, now);
}

void Host::State::on_link_open(LinkId id, Now now) {
  const FoundLink found = find_link(id);
  if (!found || found.plugin->state != InstanceState::active) return;
  found.plugin->links[found.name.serial].is_open = true;
  call_source(found.plugin, now, "on_link",
              [name = found.name](Instance& instance) { return tell_link_open(instance, name); });
}

void Host::State::on_link_closed(LinkId id, const std::string& reason, Now now) {
  const FoundLink found = find_link(id);
  if (!found) return;
  close_link(*found.plugin, found.name.serial);
  if (found.plugin->state != InstanceState::active) return;
  call_source(found.plugin, now, "on_link", [name = found.name, reason](Instance& instance) {
    return tell_link_closed(instance, name, reason);
  });
}

bool Host::State::on_link_message(LinkId id, ByteView bytes, Now now) {
  const FoundLink found = find_link(id);
  if (!found || found.plugin->state != InstanceState::active) return true;
  if (found.plugin->messages_waiting >= kMaxMessagesWaiting) return false;
  ++found.plugin->messages_waiting;
  const std::weak_ptr<State> weak = weak_from_this();
  auto work = [name = found.name, copy = Bytes(bytes.begin(), bytes.end())](Instance& instance) {
    return give_message(instance, name, copy);
  };
  call(found.plugin, now, std::move(work),
       [weak, plugin = found.plugin, now](std::optional<cw_status> status) {
         --plugin->messages_waiting;
         const auto state = weak.lock();
         if (!state || !status) return;
         if (*status == CW_OK) return state->on_good_call(plugin, now);
         state->on_fault(plugin, fmt::format("on_message failed ({})", status_text(*status)));
       });
  return true;
}

void Host::State::tell_peer(LinkId id, const net::Endpoint& peer, bool is_wanted, Now now) {
  const FoundLink found = find_link(id);
  if (!found || found.plugin->state != InstanceState::active) return;
  call_source(found.plugin, now, is_wanted ? "want_peer" : "drop_peer",
              [name = found.name, peer, is_wanted](Instance& instance) {
                return is_wanted ? plugin::want_peer(instance, name, peer)
                                 : plugin::drop_peer(instance, name, peer);
              });
}

// ---- data threads ----

void Host::State::leave_paths(Loaded& plugin) {
  plugin.leave_at.reset();
  std::vector<std::uint32_t> allocated;
  for (const auto& [serial, link] : plugin.links) {
    if (link.is_allocated) allocated.push_back(serial);
  }
  for (const std::uint32_t serial : allocated) {
    if (callbacks.allocation_ending) callbacks.allocation_ending(id_of(plugin, serial));
  }
}

void Host::State::look_at_data_threads(const LoadedPtr& plugin, Now now) {
  plugin->look_at = plugin->links.empty() ? std::nullopt : std::optional(now.steady + kLookEvery);
  const DataUse& use = *plugin->data_use;
  const std::uint64_t calls = use.calls;
  const std::uint64_t faults = use.failures + use.breaches;
  const bool is_used = calls != std::exchange(plugin->calls_seen, calls);
  const std::uint64_t fresh = faults - std::exchange(plugin->faults_seen, faults);
  if (fresh == 0) {
    if (is_used) plugin->bad_looks_in_a_row = 0;
    return;
  }
  // Counted by looks, not by packets: a second of failures is one fault, whatever the traffic.
  ++plugin->faults;
  ++plugin->bad_looks_in_a_row;
  const std::string what = fmt::format(
      "{} calls or packets of data threads failed (in all: {} failures, {} packets out of bounds)", fresh,
      use.failures.load(), use.breaches.load());
  log::warning("plugin", "{}: {}", plugin->name(), what);
  if (plugin->state == InstanceState::active && plugin->bad_looks_in_a_row >= options.fault_limit) {
    fail(plugin,
         fmt::format("faults in {} seconds in a row, the last: {}", plugin->bad_looks_in_a_row, what));
  }
}

// ---- replacing ----

void Host::State::linger(const LoadedPtr& plugin, Now now) {
  if (plugin->links.empty() || plugin->state != InstanceState::active) return retire(plugin);
  plugin->state = InstanceState::draining;
  plugin->timers.clear();
  plugin->look_at.reset();
  plugin->leave_at = now.steady + kCheckedIn;
  plugin->linger_until = *plugin->leave_at + kLeftIn;
  if (callbacks.timeout_changed) callbacks.timeout_changed();
}

}  // namespace causeway::plugin
