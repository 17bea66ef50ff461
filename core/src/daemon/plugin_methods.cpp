#include "daemon/plugin_methods.hpp"

#include <nlohmann/json.hpp>

#include "daemon/plugin_worker.hpp"
#include "plugin/examination.hpp"
#include "protocol/json.hpp"

namespace causeway::daemon {
namespace {

using Json = nlohmann::json;

std::string_view to_string(plugin::Kind kind) {
  switch (kind) {
    case plugin::Kind::priority:
      return "priority";
    case plugin::Kind::candidate_source:
      return "candidate-source";
    case plugin::Kind::transport:
      return "transport";
  }
  return "";
}

std::string_view to_string(plugin::InstanceState state) {
  switch (state) {
    case plugin::InstanceState::active:
      return "active";
    case plugin::InstanceState::loaded:
      return "loaded";
    case plugin::InstanceState::draining:
      return "draining";
    case plugin::InstanceState::pinned:
      return "pinned";
    case plugin::InstanceState::failed:
      return "failed";
  }
  return "";
}

Result<Json> to_json(const Result<void>& done) {
  if (!done) return done.error();
  return protocol::success(Json::object());
}

}  // namespace

Result<Json> list_plugins(ControlTarget& target, const Json&) {
  Json list = Json::array();
  for (const plugin::PluginView& view : target.plugins().list()) {
    list.push_back({{"name", view.name},
                    {"kind", to_string(view.kind)},
                    {"version", view.version},
                    {"abi", view.abi},
                    {"file", view.file},
                    {"generation", view.generation},
                    {"state", to_string(view.state)},
                    {"calls", view.calls},
                    {"faults", view.faults},
                    {"reason", view.reason}});
    if (view.kind != plugin::Kind::transport) continue;
    list.back()["data"] = {{"links", view.links},
                           {"calls", view.data_calls},
                           {"faults", view.data_faults},
                           {"ms", to_milliseconds(view.data_time)},
                           {"slowest_ms", to_milliseconds(view.data_slowest)}};
  }
  return protocol::success(std::move(list));
}

void load_plugin(ControlTarget& target, const Json& params, ControlSocket::Completion done) {
  const auto file = protocol::get_string(params, "file");
  if (!file) return done(Error{"name the plugin's file"});
  const auto examined = target.plugins().examine(*file);
  target.plugin_worker().run([examined](const std::stop_token& stop) { examined->run(stop); },
                             [&target, examined, done = std::move(done)] {
                               const auto name = target.plugins().load(*examined, target.now());
                               target.pump();
                               if (!name) return done(name.error());
                               done(protocol::success(Json{{"name", *name}}));
                             });
}

Result<Json> use_plugins(ControlTarget& target, const Json& params) {
  const auto stack = params.find("stack");
  if (stack == params.end() || !stack->is_array() || stack->empty() || stack->size() > 16) {
    return Error{"name 1 to 16 priority plugins, as NAME or NAME:WEIGHT"};
  }
  std::vector<plugin::Host::StackEntry> entries;
  for (const Json& entry : *stack) {
    const auto name = entry.is_object() ? protocol::get_string(entry, "name") : std::nullopt;
    if (!name) return Error{"each layer needs a name"};
    const auto weight = protocol::get_integer<std::uint32_t>(entry, "weight", 1, 1000);
    entries.push_back({*name, weight.value_or(1000)});
  }
  return to_json(target.plugins().use(entries, target.now()));
}

void reload_plugin(ControlTarget& target, const Json& params, ControlSocket::Completion done) {
  const auto name = protocol::get_string(params, "name");
  if (!name) return done(Error{"name the plugin"});
  const bool force = protocol::get_bool(params, "force").value_or(false);
  const auto file = target.plugins().file_of(*name);
  if (!file) return done(Error{*name + " is not loaded"});
  const auto examined = target.plugins().examine(*file);
  target.plugin_worker().run(
      [examined](const std::stop_token& stop) { examined->run(stop); },
      [&target, examined, name = *name, force, done = std::move(done)] {
        const std::uint32_t generation = examined->generation();
        target.plugins().reload(name, *examined, force, target.now(),
                                [name, generation, done](const Result<void>& told) {
                                  if (!told) return done(told.error());
                                  done(protocol::success(Json{{"name", name}, {"generation", generation}}));
                                });
        target.pump();
      });
}

Result<Json> unload_plugin(ControlTarget& target, const Json& params) {
  const auto name = protocol::get_string(params, "name");
  if (!name) return Error{"name the plugin"};
  return to_json(target.plugins().unload(*name, target.now()));
}

}  // namespace causeway::daemon
