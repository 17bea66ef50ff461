#include "selection/contest.hpp"

#include <utility>

#include "selection/observer.hpp"

namespace causeway::selection {

Result<std::unique_ptr<Contestant>> Contestant::enter(const Entry& entry,
                                                      const std::filesystem::path& scratch) {
  std::unique_ptr<Contestant> contestant(new Contestant);
  contestant->name_ = entry.name;
  plugin::Host::Options options;
  options.private_directory = scratch / entry.name;
  options.seed = 1;
  plugin::HostCallbacks callbacks;
  callbacks.ranking_changed = [] {};
  plugin::Host& host =
      contestant->host_.emplace(std::move(options), std::move(callbacks), contestant->executor_);
  const Now now{SteadyTime(1s), WallTime(1'767'571'200s)};
  const auto loaded = host.load(entry.file, now);
  if (!loaded) return loaded.error();
  if (!entry.parameters.empty()) host.set_parameters({{*loaded, entry.parameters}});
  if (const auto used = host.use({{*loaded}}, now); !used) return used.error();
  return contestant;
}

replay::Totals Contestant::live_through(const World& world, replay::Trace* trace) {
  if (trace) {
    trace->header.title = std::string(to_string(world.world_class)) + " " + std::to_string(world.seed);
    trace->header.begun = world.begin;
    trace->header.last_step = 1s;
  }
  replay::HostScorer scorer(*host_);
  replay::Run run(&scorer);
  Observer observer(world);
  while (!observer.is_over()) {
    replay::Step step = observer.look();
    run.on_step(step);
    observer.pass(run.selected(step.peer));
    if (trace) trace->steps.push_back(std::move(step));
  }
  run.finish(1s);
  return run.totals();
}

}  // namespace causeway::selection
