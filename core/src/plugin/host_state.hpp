#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugin/crash_marker.hpp"
#include "plugin/examination.hpp"
#include "plugin/host.hpp"
#include "plugin/instance.hpp"
#include "plugin/link_codec.hpp"
#include "plugin/priority_adapter.hpp"
#include "plugin/transport_adapter.hpp"

namespace causeway::plugin {

/// One loaded generation of a plugin: a row of `causeway plugins`. Control thread, but for `instance`.
struct Loaded {
  std::shared_ptr<Instance> instance;
  Descriptor descriptor;
  Kind kind = Kind::priority;
  std::filesystem::path file;
  std::filesystem::path copy;
  std::string sha256;
  std::uint32_t generation = 0;
  InstanceState state = InstanceState::loaded;
  std::string reason;
  std::uint64_t calls = 0;
  std::uint64_t faults = 0;
  std::uint32_t faults_in_a_row = 0;
  std::optional<SteadyTime> trial_ends;  ///< a crash before this counts against it

  // A generation that takes another's place.
  struct Replacement {
    std::shared_ptr<Loaded> old;  ///< goes on, or waits in reserve, until this one has proved itself
    Host::Done done;              ///< empty once told
    SteadyTime tell_by;           ///< success is told then at the latest
    std::uint32_t good_calls = 0;
    bool has_tried_everything = false;
    bool force = false;
  };
  std::optional<Replacement> replacement;
  /// Answers in this one's place what was asked before it failed its first question.
  std::weak_ptr<Loaded> reserve;
  bool is_being_replaced = false;
  bool is_in_reserve = false;  ///< `draining` in name, and nothing has been drained
  /// A transport that begins again once that one is gone (reload by force).
  std::weak_ptr<Loaded> restarts_after_me;

  // Candidate sources.
  using Held = std::pair<net::BaseId, net::Endpoint>;
  std::map<std::uint32_t, SteadyTime> timers;
  std::map<Held, SteadyTime> targets;  ///< (base, server) sent to, and when last
  std::set<Held> held;                 ///< told to the node
  std::set<Held> inherited;            ///< of the generation before, until this one has tried everything

  // Transports.
  struct Link {
    std::uint32_t id = 0;
    net::BaseId base = net::BaseId::none;
    std::shared_ptr<InstanceCodec> codec;
    bool is_open = false;
    bool is_allocated = false;
  };
  std::uint32_t number = 0;             ///< of this generation among all of the process
  std::map<std::uint32_t, Link> links;  ///< by serial number
  std::shared_ptr<DataUse> data_use = std::make_shared<DataUse>();
  std::size_t messages_waiting = 0;  ///< on_message() calls that have not ended
  std::uint64_t faults_seen = 0;     ///< of data threads, at the last look
  std::uint64_t calls_seen = 0;
  std::uint32_t bad_looks_in_a_row = 0;
  std::optional<SteadyTime> look_at;       ///< when to look at what data threads met
  std::optional<SteadyTime> leave_at;      ///< a replaced generation whose paths are to be left then
  std::optional<SteadyTime> linger_until;  ///< a replaced generation whose links still carry data

  Loaded() = default;
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  ~Loaded() { remove_copy(); }
  const std::string& name() const { return descriptor.id; }
  void remove_copy() {
    std::error_code error;
    if (!copy.empty()) std::filesystem::remove(std::exchange(copy, {}), error);
  }
};
using LoadedPtr = std::shared_ptr<Loaded>;

struct Layer {
  LoadedPtr plugin;
  std::uint32_t weight_per_mille = 1000;
};

struct Host::State : std::enable_shared_from_this<Host::State> {
  State(Options o, HostCallbacks c, Executor& e)
      : options(std::move(o)), callbacks(std::move(c)), executor(e), markers(options.private_directory) {}

  // ---- host_life.cpp ----
  LoadedPtr find(const std::string& name) const;
  /// All steps of loading but activation; nothing is added to `rows`.
  Result<LoadedPtr> open_generation(Examination& examined);
  Result<void> use(const std::vector<StackEntry>& entries, Now now);
  Result<void> unload(const std::string& name, Now now);
  void begin_trial(Loaded& plugin, Now now);
  void end_trial(Loaded& plugin);
  /// Drain → destroy → close, behind its calls under way; then the row goes.
  void retire(const LoadedPtr& plugin);
  /// Carries out what it said in drain().
  void carry_out_farewell(Loaded& plugin, std::vector<Request>& requests);
  void on_retired(const LoadedPtr& plugin, PluginLibrary::Closed closed);
  void stop(std::function<void()> done);
  void look_whether_stopped();

  // ---- host_replace.cpp ----
  void reload(const std::string& name, Examination& examined, bool force, Now now, Done done);
  /// The old one's state to the new one, then `then`; false: the new one is of no use.
  void hand_over(const LoadedPtr& old, const LoadedPtr& fresh, Now now, std::function<void(bool)> then);
  void install(const LoadedPtr& old, const LoadedPtr& fresh, bool force, Now now, Done done);
  /// A call into a plugin went well, or it says it has tried everything: what a new generation waits for.
  void on_proof(const LoadedPtr& plugin, Now now);
  void confirm(const LoadedPtr& fresh, Now now);
  void settle_transport(const LoadedPtr& fresh, Now now);
  void roll_back(const LoadedPtr& fresh, const std::string& why);
  /// Tells success where the answer is due.
  void tell_reloads(Now now);

  // ---- host_calls.cpp ----
  /// Runs `work` on the plugin thread as one counted call, carries out what it asked for, then `settled` on
  /// the control thread. `settled(nullopt)`: overtaken, or the instance is out of use.
  using Settled = std::function<void(std::optional<cw_status>)>;
  void call(const LoadedPtr& plugin, Now now, std::function<cw_status(Instance&)> work, Settled settled);
  void on_fault(const LoadedPtr& plugin, const std::string& what);
  void on_good_call(const LoadedPtr& plugin, Now now) {
    plugin->faults_in_a_row = 0;
    if (plugin->replacement) on_proof(plugin, now);
  }
  void fail(const LoadedPtr& plugin, const std::string& reason);
  void abandon(const LoadedPtr& plugin);
  void ranking_changed() const;

  // ---- host_ranking.cpp ----
  void rank_candidates(std::vector<ice::Candidate> candidates, Now now,
                       std::function<void(std::vector<std::uint32_t>)> done);
  void score_paths(const RankedPeer& peer, std::vector<path::PathView> paths, Now now,
                   std::function<void(PairRanking)> done);
  struct Decision;
  void ask_layer(const std::shared_ptr<Decision>& decision, std::size_t layer, DecisionInput input);
  static void finish(Decision& decision);
  bool is_taken_back(const LoadedPtr& plugin) const;
  std::string stack_text() const;
  std::string parameters_of(const Loaded& plugin) const;

  // ---- host_sources.cpp ----
  /// Of sources and transports.
  void activate_source(const LoadedPtr& plugin, Now now);
  void configure_source(const LoadedPtr& plugin, Now now);
  void tell_bases(const LoadedPtr& plugin, Now now);
  void call_source(const LoadedPtr& plugin, Now now, const char* what,
                   std::function<cw_status(Instance&)> work);
  void carry_out(const LoadedPtr& plugin, Request& request, Now now);
  /// Another generation of the same plugin holds it too.
  bool is_held_beside(const Loaded& plugin, const Loaded::Held& candidate) const;
  void drop_candidates(Loaded& plugin, std::set<Loaded::Held>& which);
  bool on_datagram(net::BaseId base, const net::Endpoint& from, ByteView bytes, Now now);
  void on_timeout(Now now);
  std::optional<SteadyTime> next_timeout() const;

  // ---- host_transports.cpp ----
  /// The links of bases that are gone are closed first.
  void tell_transport_bases(const LoadedPtr& plugin, Now now);
  void open_link(const LoadedPtr& plugin, request::OpenLink& wish, Now now);
  void carry_out_link(const LoadedPtr& plugin, Request& request, Now now);
  void on_link_open(LinkId link, Now now);
  void on_link_closed(LinkId link, const std::string& reason, Now now);
  bool on_link_message(LinkId link, ByteView bytes, Now now);
  void tell_peer(LinkId link, const net::Endpoint& peer, bool is_wanted, Now now);
  void send_on_link(Loaded& plugin, const request::SendOnLink& message);
  /// No call of a data thread begins on it any more, and its driver is told. False: there is none.
  bool close_link(Loaded& plugin, std::uint32_t serial);
  void close_links(Loaded& plugin);
  /// Make before break: the old generation carries data until paths have moved to the new one.
  void linger(const LoadedPtr& plugin, Now now);
  void leave_paths(Loaded& plugin);
  /// As if it had been loaded this moment.
  void restart_transport(const LoadedPtr& plugin, Now now);
  void look_at_data_threads(const LoadedPtr& plugin, Now now);
  struct FoundLink {
    LoadedPtr plugin;
    LinkName name;
    explicit operator bool() const { return plugin != nullptr; }
  };
  FoundLink find_link(LinkId link) const;

  Options options;
  HostCallbacks callbacks;
  Executor& executor;
  CrashMarkers markers;
  std::vector<LoadedPtr> rows;
  std::function<void()> stopped;  ///< set while stopping
  bool is_stopping = false;
  std::vector<Layer> stack;  ///< failed layers stay out of it
  std::map<std::string, std::uint32_t> generations;
  std::uint32_t last_number = 0;
  std::vector<BaseView> bases;
  std::shared_ptr<const InterfaceNames> interfaces;  ///< of `bases`, as decisions borrow it
  SourceConfiguration configuration;
  std::map<std::string, std::string> parameters;  ///< by plugin
  std::uint64_t decisions = 0;                    ///< each gets a seed of its own
};

}  // namespace causeway::plugin
