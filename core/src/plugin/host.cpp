#include "plugin/host.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/log.hpp"
#include "base/random.hpp"
#include "plugin/host_state.hpp"

namespace causeway::plugin {

namespace {

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

Host::Host(Options options, HostCallbacks callbacks, Executor& executor)
    : state_(std::make_shared<State>(std::move(options), std::move(callbacks), executor)) {
  while (state_->options.seed == 0)
    state_->options.seed = SystemRandom().next_u64();
  // Copies of an earlier process; the markers beside them stay.
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(state_->options.private_directory, error)) {
    if (entry.path().extension() == ".so") std::filesystem::remove(entry.path(), error);
  }
}

Host::~Host() {
  state_->callbacks = {};
  state_->stop(nullptr);
}

std::shared_ptr<Examination> Host::examine(const std::filesystem::path& file) {
  const std::string stem = safe_stem(file);
  const std::uint32_t generation = ++state_->generations[stem];
  const Options& options = state_->options;
  return std::make_shared<Examination>(
      Examination::Task{.file = file,
                        .directory = options.private_directory,
                        .copy_name = fmt::format("{}.{}.so", stem, generation),
                        .generation = generation,
                        .keys = options.keys,
                        .probe_program = options.probe_program,
                        .probe_limit = options.probe_limit});
}

Result<std::string> Host::load(Examination& examined, Now now) {
  auto opened = state_->open_generation(examined);
  if (!opened) return opened.error();
  const LoadedPtr plugin = *opened;
  std::string name = plugin->name();
  if (state_->find(name)) {
    state_->retire(plugin);
    return Error{
        fmt::format("{} is loaded already: use reload to take its file anew, or unload it first", name)};
  }
  state_->rows.push_back(plugin);
  log::info("plugin", "loaded {} {} from {}", name, plugin->descriptor.version, plugin->file.string());
  if (plugin->kind != Kind::priority) state_->activate_source(plugin, now);
  return Result<std::string>(boost::system::in_place_value, name);
}

Result<std::string> Host::load(const std::filesystem::path& file, Now now) {
  const auto examined = examine(file);
  examined->run();
  return load(*examined, now);
}

std::optional<std::filesystem::path> Host::file_of(const std::string& name) const {
  const LoadedPtr plugin = state_->find(name);
  return plugin ? std::optional(plugin->file) : std::nullopt;
}

void Host::reload(const std::string& name, Examination& examined, bool force, Now now, Done done) {
  state_->reload(name, examined, force, now, std::move(done));
}

Result<void> Host::reload(const std::string& name, Now now, bool force) {
  const auto file = file_of(name);
  if (!file) return Error{fmt::format("{} is not loaded", name)};
  const auto examined = examine(*file);
  examined->run();
  const auto outcome = std::make_shared<Result<void>>();
  reload(name, *examined, force, now, [outcome](const Result<void>& told) { *outcome = told; });
  return *outcome;
}

Result<void> Host::use(const std::vector<StackEntry>& stack, Now now) { return state_->use(stack, now); }
Result<void> Host::unload(const std::string& name, Now now) { return state_->unload(name, now); }
void Host::stop(std::function<void()> done) { state_->stop(std::move(done)); }

std::vector<PluginView> Host::list() const {
  std::vector<PluginView> views;
  for (const LoadedPtr& row : state_->rows) {
    const DataUse& use = *row->data_use;
    views.push_back({.name = row->name(),
                     .kind = row->kind,
                     .version = row->descriptor.version,
                     .abi = row->descriptor.abi,
                     .file = row->file.string(),
                     .generation = row->generation,
                     .state = row->state,
                     .calls = row->calls,
                     .faults = row->faults,
                     .reason = row->reason,
                     .links = row->links.size(),
                     .data_calls = use.calls,
                     .data_faults = use.failures + use.breaches,
                     .data_time = Duration(static_cast<std::int64_t>(use.busy_ns)),
                     .data_slowest = Duration(static_cast<std::int64_t>(use.slowest_ns))});
  }
  return views;
}

std::string Host::stack_text() const { return state_->stack_text(); }

void Host::rank_candidates(std::vector<ice::Candidate> candidates, Now now,
                           std::function<void(std::vector<std::uint32_t>)> done) {
  state_->rank_candidates(std::move(candidates), now, std::move(done));
}

void Host::set_parameters(std::map<std::string, std::string> parameters) {
  if (parameters == state_->parameters) return;
  state_->parameters = std::move(parameters);
  state_->ranking_changed();
}

void Host::score_paths(const RankedPeer& peer, std::vector<path::PathView> paths, Now now,
                       std::function<void(PairRanking)> done) {
  state_->score_paths(peer, std::move(paths), now, std::move(done));
}

void Host::set_bases(std::vector<BaseView> bases, Now now) {
  InterfaceNames names;
  for (const BaseView& base : bases)
    names.emplace(base.base, base.interface);
  state_->interfaces = std::make_shared<const InterfaceNames>(std::move(names));
  state_->bases = std::move(bases);
  for (const LoadedPtr& plugin : std::vector(state_->rows)) {
    if (plugin->state == InstanceState::active && plugin->kind != Kind::priority)
      state_->tell_bases(plugin, now);
  }
}

void Host::set_configuration(SourceConfiguration configuration, Now now) {
  const SourceConfiguration before = std::exchange(state_->configuration, std::move(configuration));
  const bool is_news_for_transports = before.turn_servers != state_->configuration.turn_servers ||
                                      before.turn_tls_verify != state_->configuration.turn_tls_verify;
  const bool is_news_for_sources =
      before.stun_servers != state_->configuration.stun_servers || !is_news_for_transports;
  for (const LoadedPtr& plugin : std::vector(state_->rows)) {
    if (plugin->state != InstanceState::active || plugin->kind == Kind::priority) continue;
    if (plugin->kind == Kind::transport ? !is_news_for_transports : !is_news_for_sources) continue;
    state_->configure_source(plugin, now);
  }
}

bool Host::on_datagram(net::BaseId base, const net::Endpoint& from, ByteView bytes, Now now) {
  return state_->on_datagram(base, from, bytes, now);
}
void Host::on_link_open(LinkId link, Now now) { state_->on_link_open(link, now); }
void Host::on_link_closed(LinkId link, const std::string& reason, Now now) {
  state_->on_link_closed(link, reason, now);
}
bool Host::on_link_message(LinkId link, ByteView bytes, Now now) {
  return state_->on_link_message(link, bytes, now);
}
void Host::want_peer(LinkId link, const net::Endpoint& peer, Now now) {
  state_->tell_peer(link, peer, true, now);
}
void Host::drop_peer(LinkId link, const net::Endpoint& peer, Now now) {
  state_->tell_peer(link, peer, false, now);
}
void Host::on_timeout(Now now) { state_->on_timeout(now); }
std::optional<SteadyTime> Host::next_timeout() const { return state_->next_timeout(); }

}  // namespace causeway::plugin
