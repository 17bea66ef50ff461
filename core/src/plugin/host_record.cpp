// What a recording keeps of the stack, and what a replay gives back to it.
#include <fmt/format.h>

#include "plugin/host_state.hpp"
#include "plugin/state_adapter.hpp"
#include "plugin/text.hpp"

namespace causeway::plugin {

void Host::describe_stack(Now now, std::function<void(std::vector<StackLayer>)> done) {
  struct Description {
    std::vector<StackLayer> layers;
    std::size_t pending = 0;
    std::function<void(std::vector<StackLayer>)> done;
  };
  auto description = std::make_shared<Description>();
  description->done = std::move(done);
  const std::vector<Layer> stack = state_->stack;
  for (const Layer& layer : stack) {
    description->layers.push_back({.name = layer.plugin->name(),
                                   .version = layer.plugin->descriptor.version,
                                   .sha256 = layer.plugin->sha256,
                                   .weight_per_mille = layer.weight_per_mille,
                                   .configuration = state_->parameters_of(*layer.plugin),
                                   .state = {}});
  }
  description->pending = stack.size();
  if (stack.empty()) return description->done({});
  for (std::size_t i = 0; i < stack.size(); ++i) {
    auto exported = std::make_shared<ExportAnswer>();
    auto work = [exported](Instance& instance) {
      *exported = export_state(instance);
      return CW_OK;
    };
    state_->call(stack[i].plugin, now, std::move(work),
                 [description, exported, i](std::optional<cw_status> ended) {
                   if (ended && exported->status == CW_OK && !exported->state.bytes.empty())
                     description->layers[i].state = seal_state(exported->state);
                   if (--description->pending == 0) description->done(std::move(description->layers));
                 });
  }
}

void Host::restore_state(const std::string& name, ByteView envelope, Now now, Done done) {
  const LoadedPtr plugin = state_->find(name);
  if (!plugin) return done(Error{fmt::format("{} is not loaded", name)});
  const auto opened = open_state(envelope);
  if (!opened) return done(opened.error());
  if (opened->plugin != name)
    return done(Error{fmt::format("the state is {}'s: only that plugin is offered it", opened->plugin)});
  auto imported = std::make_shared<cw_status>(CW_OK);
  auto offer = [imported, saved = *opened](Instance& instance) {
    *imported = import_state(instance, saved);
    return CW_OK;
  };
  state_->call(plugin, now, std::move(offer),
               [imported, done = std::move(done)](std::optional<cw_status> ended) {
                 if (!ended) return done(Error{"the plugin did not return from import_state"});
                 if (*imported == CW_OK) return done({});
                 done(Error{fmt::format("the plugin did not take the state ({})", status_text(*imported))});
               });
}

}  // namespace causeway::plugin
