#include "daemon/daemon.hpp"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <deque>
#include <map>
#include <thread>

#include "base/log.hpp"
#include "base/overloaded.hpp"
#include "base/random.hpp"
#include "crypto/aead_support.hpp"
#include "daemon/base_manager.hpp"
#include "daemon/capabilities.hpp"
#include "daemon/control_methods.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/hosts_file.hpp"
#include "daemon/node_options.hpp"
#include "daemon/state_keeper.hpp"
#include "daemon/suspend_watch.hpp"
#include "daemon/virtual_nic.hpp"
#include "dataplane/data_plane.hpp"
#include "link/tls_client.hpp"
#include "node/node.hpp"
#include "plugin/executor.hpp"
#include "plugin/fault_note.hpp"
#include "plugin/host.hpp"
#include "relay/link_carrier.hpp"
#include "relay/relay_manager.hpp"
#include "relay/turn_directory.hpp"
#include "store/state_directory.hpp"

namespace causeway::daemon {
namespace {

namespace asio = boost::asio;

constexpr const char* kHostsFile = "/etc/hosts";
/// Handshakes that wait for the disk; the oldest goes, its session repeats it.
constexpr std::size_t kMostHeld = 256;
/// Events taken from the data plane before timers get their turn again.
constexpr std::size_t kEventsAtOnce = 256;
/// Handshake messages waiting: from here on initiators must show a cookie (whitepaper §5.3).
constexpr std::size_t kUnderLoad = 64;
/// A flood comes in bursts: so long after the last one we still count as under load, as wireguard-go has it.
constexpr Duration kUnderLoadFor = 1s;
/// After a sleep of this machine as long as this, the connection with the server is made anew unasked.
constexpr Duration kServerForgets = 60s;

/// Everything the node needs of the machine, in the order it is opened; destroyed in reverse: the data loops
/// stop before the TUN goes, plugins are closed before the executor.
class Daemon final : public ControlTarget {
 public:
  Daemon(DaemonOptions options, store::StateDirectory state, VirtualNic nic, net::NicMonitor monitor)
      : options_(std::move(options)),
        state_(std::move(state)),
        nic_(std::move(nic)),
        monitor_(std::move(monitor)),
        data_(nic_.queues()),
        bases_(options_.config, nic_.name(), data_.loops()),
        executor_([this](std::function<void()> task) { asio::post(context_, std::move(task)); }),
        plugins_(host_options(), host_callbacks(), executor_),
        relays_(context_, plugins_, bases_.bases(),
                {.use_gso = options_.config.data_plane.udp_segmentation,
                 .use_gro = options_.config.data_plane.udp_gro},
                relay_callbacks()),
        turn_directory_(context_,
                        [this](std::vector<plugin::TurnServer> servers) {
                          sources_.turn_servers = std::move(servers);
                          plugins_.set_configuration(sources_, now());
                          pump();
                        }),
        node_(node_options(options_.config, state_, nic_.name(), data_.loops()), random_),
        link_(context_, {.on_connected =
                             [this](ByteView exporter) {
                               node_.on_server_connected(exporter, now());
                               pump();
                             },
                         .on_line =
                             [this](std::string_view line) {
                               node_.on_server_line(line, now());
                               pump();
                             },
                         .on_closed =
                             [this](std::string_view reason) {
                               node_.on_server_closed(reason, now());
                               pump();
                             }}) {}

  int run() {
    if (const auto started = start(); !started) return fail(started.error());
    context_.run();
    data_.stop();
    if (options_.config.hosts_file) publish_names({});
    return exit_code_;
  }

  // ---- ControlTarget ----
  node::Node& node() override { return node_; }
  plugin::Host& plugins() override { return plugins_; }
  const dataplane::DataPlane& data_plane() const override { return data_; }
  node::InterfaceFacts interface() const override { return {nic_.name(), nic_.mtu()}; }
  OffloadsInUse offloads() const override { return {nic_.offloads(), bases_.offloads()}; }
  const std::vector<IgnoredAddress>& ignored_addresses() const override { return bases_.ignored(); }
  std::vector<relay::LinkView> links() const override { return relays_.links(); }
  asio::io_context& context() override { return context_; }
  Now now() const override { return read_clocks(); }
  void on_left(StateKeeper::Done done) override { left_.push_back(std::move(done)); }
  void when_stored(StateKeeper::Done done) override { keeper_.when_stored(std::move(done)); }
  const std::string& store_failure() const override { return keeper_.failure(); }
  void on_friend_answered(std::uint64_t ticket, FriendDone done) override {
    friend_waiters_.emplace(ticket, std::move(done));
  }

  /// Obeys what the node asks for until it asks no more. Actions can lead to new ones at once: those are
  /// obeyed by the outermost call.
  void pump() override {
    if (is_pumping_) return;
    is_pumping_ = true;
    while (auto action = node_.poll_action())
      obey(*action);
    is_pumping_ = false;
    arm_timer();
  }

 private:
  Result<void> start();
  plugin::Host::Options host_options() const;
  plugin::HostCallbacks host_callbacks();
  relay::RelayManager::Callbacks relay_callbacks();
  void load_plugins();
  void use_configured_stack();
  void wait_for_signals();
  void wait_for_nics();
  void wait_for_wake_up();
  void wait_for_data_events();
  void arm_timer();
  void update_bases();
  void tell_bases();
  void publish_turn_servers();
  void on_network_changed(Duration away);
  void reload_configuration();
  void shut_down();
  void obey(node::NodeAction& action);
  void send_datagram(const peer::SendDatagram& send);
  void hold_handshake(peer::SendDatagram&& send);
  void send_line(std::string&& line);
  void release_when_stored();
  void publish_names(const std::vector<HostName>& names);
  int fail(const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.message.c_str());
    return 1;
  }

  DaemonOptions options_;
  store::StateDirectory state_;
  VirtualNic nic_;
  net::NicMonitor monitor_;
  SystemRandom random_;
  asio::io_context context_;
  StateKeeper keeper_{state_, [this](std::function<void()> task) { asio::post(context_, std::move(task)); }};
  asio::steady_timer timer_{context_};
  asio::signal_set signals_{context_, SIGTERM, SIGINT, SIGHUP};
  asio::posix::stream_descriptor nic_events_{context_};
  std::optional<SuspendWatch> suspend_watch_;
  asio::posix::stream_descriptor wake_ups_{context_};
  asio::posix::stream_descriptor data_events_{context_};
  dataplane::DataPlane data_;
  BaseManager bases_;
  std::optional<plugin::FaultNote> fault_note_;
  plugin::ThreadExecutor executor_;
  plugin::Host plugins_;
  plugin::SourceConfiguration sources_;  ///< what the plugins were told last
  relay::RelayManager relays_;
  relay::TurnDirectory turn_directory_;
  node::Node node_;
  link::TlsClient link_;
  std::unique_ptr<ControlSocket> control_;
  std::vector<StateKeeper::Done> left_;
  std::map<std::uint64_t, FriendDone> friend_waiters_;  ///< by ticket
  // What has to be on disk first. Bounded: a link that gets no answer closes, a handshake is repeated.
  std::deque<std::string> held_lines_;
  std::deque<peer::SendDatagram> held_handshakes_;
  bool holds_next_handshake_ = false;
  bool is_releasing_ = false;
  SteadyTime under_load_until_{};
  bool is_pumping_ = false;
  bool is_joining_ = false;  ///< told to join and not registered since: a refusal ends the daemon
  int exit_code_ = 0;
};

plugin::Host::Options Daemon::host_options() const {
  return {
      .private_directory = state_.path() / "run" / "plugins", .probe_program = options_.program, .seed = 0};
}

plugin::HostCallbacks Daemon::host_callbacks() {
  return {
      .candidate_found =
          [this](const std::string& source, net::BaseId base, ice::CandidateType type,
                 const net::Endpoint& address) {
            node_.on_candidate_found(source, base, type, address, now());
            pump();
          },
      .candidate_lost =
          [this](const std::string& source, net::BaseId base, const net::Endpoint& address) {
            node_.on_candidate_lost(source, base, address, now());
            pump();
          },
      .gathering_done =
          [](const std::string& source) { log::debug("plugin", "{}: gathering is done", source); },
      .send_udp =
          [this](net::BaseId base, const net::Endpoint& to, ByteView bytes) {
            dataplane::UdpBase* from = bases_.find(base);
            if (!from) return false;
            const dataplane::SendBatch batch{bytes, static_cast<std::uint16_t>(bytes.size())};
            return from->send(to, batch).status == dataplane::SendStatus::sent;
          },
      .open_link = [this](plugin::LinkRequest request) { relays_.open(std::move(request)); },
      .close_link = [this](plugin::LinkId link) { relays_.close(link); },
      .send_on_link = [this](plugin::LinkId link, ByteView bytes) { relays_.send(link, bytes); },
      .link_allocated =
          [this](plugin::LinkId link, const plugin::LinkAllocation& allocation) {
            relays_.on_allocated(link, allocation);
          },
      .allocation_lost = [this](plugin::LinkId link,
                                const std::string& reason) { relays_.on_allocation_lost(link, reason); },
      .ranking_changed =
          [this] {
            node_.on_ranking_changed(now());
            pump();
          },
      .timeout_changed = [this] { arm_timer(); },
  };
}

relay::RelayManager::Callbacks Daemon::relay_callbacks() {
  return {
      .add_carrier =
          [this](net::BaseId base, const std::shared_ptr<dataplane::PollableCarrier>& carrier) {
            // The first loop reads it; what it reads for sessions of others is handed over as ever.
            const auto send_only = std::make_shared<relay::SendOnlyCarrier>(carrier);
            std::vector<std::shared_ptr<dataplane::Carrier>> carriers(data_.loops(), send_only);
            carriers.front() = carrier;
            data_.add_base(base, carriers);
          },
      .remove_carrier = [this](net::BaseId base) { data_.send(dataplane::RemoveBase{base}); },
      .bases_changed =
          [this] {
            tell_bases();
            pump();
          },
      .now = [this] { return now(); },
  };
}

Result<void> Daemon::start() {
  is_joining_ = options_.join_token.has_value();
  fault_note_.emplace(host_options().private_directory);
  auto control = ControlSocket::open(context_, state_.path() / "causeway.sock", make_control_handler(*this));
  if (!control) return control.error();
  control_ = std::move(*control);
  if (auto started = data_.start(); !started) return started;
  load_plugins();
  if (auto dropped = drop_capabilities(); !dropped) return dropped;
  keeper_.start();
  // Ahead of the first handshake, which then need not wait for the disk.
  keeper_.cover(state_.state().timestamp, now().wall);

  wait_for_signals();
  wait_for_nics();
  wait_for_wake_up();
  wait_for_data_events();
  publish_turn_servers();
  node_.start(now());
  update_bases();
  pump();
  log::info("daemon", "{} is up, state in {}", nic_.name(), state_.path().string());
  return {};
}

void Daemon::load_plugins() {
  for (const std::string& name : options_.config.plugins.load) {
    const bool is_file = name.find('/') != std::string::npos;
    const auto directory = options_.config.plugins.directory.value_or(options_.plugin_directory);
    const auto file = is_file ? std::filesystem::path(name) : directory / (name + ".so");
    // A plugin that can't run is no reason to have no network: the rest goes on, `causeway plugins` tells
    // why.
    if (const auto loaded = plugins_.load(file, now()); !loaded) {
      log::error("plugin", "{}", loaded.error().message);
    }
  }
  use_configured_stack();
}

void Daemon::use_configured_stack() {
  std::vector<plugin::Host::StackEntry> stack;
  for (const PriorityLayer& layer : options_.config.plugins.priority)
    stack.push_back({layer.name, layer.weight});
  if (stack.empty()) return;
  if (const auto used = plugins_.use(stack, now()); !used) {
    log::error("plugin", "{}; paths are ranked by {}", used.error().message, plugins_.stack_text());
  }
}

// ---- waiting ----

void Daemon::wait_for_signals() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      reload_configuration();
      return wait_for_signals();
    }
    log::info("daemon", "stopping; the enrolment and the address stay");
    shut_down();
  });
}

void Daemon::wait_for_nics() {
  if (!nic_events_.is_open()) nic_events_.assign(::dup(monitor_.descriptor()));
  nic_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    const auto changed = monitor_.refresh();
    if (!changed) {
      log::warning("net", "{}", changed.error().message);
    } else if (monitor_.take_default_route_change() || *changed) {
      on_network_changed({});
    }
    wait_for_nics();
  });
}

void Daemon::wait_for_wake_up() {
  if (!suspend_watch_) {
    auto watch = SuspendWatch::open();
    if (!watch)
      return log::warning("daemon", "{}: a sleep of this machine is noticed late", watch.error().message);
    suspend_watch_.emplace(std::move(*watch));
    wake_ups_.assign(::dup(suspend_watch_->descriptor()));
  }
  wake_ups_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    if (const auto away = suspend_watch_->take()) {
      log::info("daemon", "awake again after {} s",
                std::chrono::duration_cast<std::chrono::seconds>(*away).count());
      on_network_changed(*away);
    }
    wait_for_wake_up();
  });
}

void Daemon::wait_for_data_events() {
  if (!data_events_.is_open()) data_events_.assign(::dup(data_.events_descriptor()));
  data_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    if (data_.tun_is_gone()) {
      exit_code_ = fail({"somebody deleted the virtual NIC " + nic_.name() + ": start causewayd again"});
      return shut_down();
    }
    if (data_.pending_handshakes() > kUnderLoad) under_load_until_ = now().steady + kUnderLoadFor;
    const bool under_load = now().steady < under_load_until_;
    data_.take_events(kEventsAtOnce, [&](dataplane::Event&& event) {
      node_.on_data_event(std::move(event), under_load, now());
      pump();
    });
    wait_for_data_events();
  });
}

void Daemon::arm_timer() {
  std::optional<SteadyTime> next = node_.next_timeout();
  if (const auto plugins = plugins_.next_timeout(); plugins && (!next || *plugins < *next)) next = plugins;
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(asio::steady_timer::time_point(*next));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    plugins_.on_timeout(now());
    node_.on_timeout(now());
    pump();
  });
}

void Daemon::update_bases() {
  const auto changes = bases_.update(monitor_.interfaces(), keeper_.state().ports);
  for (const auto& sockets : changes.added) {
    const auto& base = *sockets.front();
    data_.add_base(base.id(), {sockets.begin(), sockets.end()});
    if (options_.config.listen_port == 0) keeper_.save_port(base.local().address, base.local().port);
  }
  for (const net::BaseId base : changes.removed)
    data_.send(dataplane::RemoveBase{base});
  tell_bases();
  std::vector<plugin::BaseView> views;
  for (const auto& [id, base] : bases_.bases())
    views.push_back({id, base.address, base.interface});
  plugins_.set_bases(std::move(views), now());
  turn_directory_.try_again();
  pump();
}

/// To the node an address on a relay is a base like that of a NIC.
void Daemon::tell_bases() {
  peer::LocalBases all = bases_.bases();
  all.insert(relays_.bases().begin(), relays_.bases().end());
  node_.on_bases_changed(std::move(all), now());
}

void Daemon::publish_turn_servers() {
  std::vector<protocol::TurnServer> servers;
  for (const TurnServer& server : options_.config.turn_servers)
    servers.push_back({server.uri, server.username, server.password, 0});
  servers.insert(servers.end(), node_.turn_servers().begin(), node_.turn_servers().end());
  sources_.turn_tls_verify = options_.config.turn_tls_verify;
  turn_directory_.set(std::move(servers));
}

void Daemon::on_network_changed(Duration away) {
  update_bases();
  // TCP would go on for minutes from an address that is gone, and to a server that has forgotten us.
  const auto local = link_.local_address();
  if (local && (!monitor_.has_usable_address(*local) || away >= kServerForgets)) {
    link_.close();
    node_.on_server_closed(away >= kServerForgets ? "this machine slept" : "the network in use is gone",
                           now());
  }
  node_.on_network_changed(away, now());
  pump();
}

void Daemon::reload_configuration() {
  if (!options_.config_file) return;
  auto config = load_config(*options_.config_file);
  if (!config) {
    log::error("daemon", "the configuration stays as it was: {}", config.error().message);
    return;
  }
  options_.config.log_level = config->log_level;
  options_.config.stun_servers = config->stun_servers;
  options_.config.candidates = config->candidates;
  options_.config.turn_servers = config->turn_servers;
  if (options_.config.turn_tls_verify != config->turn_tls_verify) {
    options_.config.turn_tls_verify = sources_.turn_tls_verify = config->turn_tls_verify;
    plugins_.set_configuration(sources_, now());
  }
  options_.config.plugins.priority = config->plugins.priority;
  log::set_level(config->log_level);
  options_.config.subscriptions = config->subscriptions;
  node_.set_extra_stun_servers(config->stun_servers, now());
  node_.set_subscription_policy(config->subscriptions, now());
  publish_turn_servers();
  use_configured_stack();
  bases_.set_policy(config->candidates);
  on_network_changed({});
  log::info("daemon", "the configuration was read again");
}

void Daemon::shut_down() {
  node_.stop(now());
  pump();
  control_.reset();
  link_.close();
  context_.stop();
}

// ---- obeying the node ----

void Daemon::obey(node::NodeAction& action) {
  const auto complain = [](const Result<void>& done) {
    if (!done) log::error("daemon", "{}", done.error().message);
  };
  std::visit(
      Overloaded{
          [&](peer::SendDatagram& send) {
            if (std::exchange(holds_next_handshake_, false)) return hold_handshake(std::move(send));
            send_datagram(send);
          },
          [&](dataplane::Command& command) { data_.send(std::move(command)); },
          [&](link::OpenConnection& open) {
            held_lines_.clear();
            link_.open(open.host, open.port, *node_.enrolment());
          },
          [&](link::SendLine& line) { send_line(std::move(line.line)); },
          [&](link::CloseConnection&) {
            held_lines_.clear();
            link_.close();
          },
          [&](node::ConfigureInterface& configure) {
            const auto done = nic_.configure(configure.address, configure.on_link, monitor_.interfaces());
            if (!done && is_joining_) {
              exit_code_ = fail(done.error());
              context_.stop();
            }
            complain(done);
            if (done)
              complain(nic_.configure6(configure.address6, configure.on_link6, monitor_.interfaces()));
            is_joining_ = false;
          },
          [&](node::ClearInterface&) { nic_.clear(); },
          [&](node::AddRoute& route) { complain(nic_.add_route(route.destination, route.mtu)); },
          [&](node::PublishNames& names) {
            std::vector<HostName> list;
            for (auto& [name, address] : names.names)
              list.push_back({address, std::move(name)});
            if (options_.config.hosts_file) publish_names(list);
          },
          [&](node::UpdateSources& update) {
            sources_.stun_servers = std::move(update.stun_servers);
            plugins_.set_configuration(sources_, now());
          },
          [&](node::UpdateRelays&) { publish_turn_servers(); },
          [&](node::RankCandidates& rank) {
            plugins_.rank_candidates(
                std::move(rank.candidates), now(),
                [this, generation = rank.generation](const std::vector<std::uint32_t>& priorities) {
                  node_.on_candidates_ranked(generation, priorities, now());
                  pump();
                });
          },
          [&](node::ScorePeerPaths& score) {
            plugins_.score_paths(
                score.name, std::move(score.paths), now(),
                [this, peer = score.peer, round = score.round](const plugin::Host::PairRanking& ranking) {
                  node_.on_paths_scored(peer, round, ranking, now());
                  pump();
                });
          },
          [&](node::OfferToSources& offer) {
            plugins_.on_datagram(offer.base, offer.from, offer.bytes, now());
          },
          [&](node::SaveState& save) { keeper_.save(std::move(save.state)); },
          [&](node::CoverTimestamp& cover) {
            holds_next_handshake_ = !keeper_.cover(cover.stamp, now().wall);
          },
          [&](node::SaveFriends& save) { keeper_.save(std::move(save.friends)); },
          [&](node::SaveKnownPeers& save) { keeper_.save(std::move(save.peers)); },
          [&](node::FriendAnswered& answer) {
            auto waiting = friend_waiters_.extract(answer.ticket);
            if (waiting.empty()) return;
            keeper_.when_stored(
                [answer, done = std::move(waiting.mapped())](const Result<void>& stored) mutable {
                  if (!stored && answer.error.empty()) {
                    answer.error =
                        "the server has it, and this node could not store it: " + stored.error().message;
                  }
                  done(answer);
                });
          },
          [&](node::JoinRefused& refused) {
            log::error("link", "{}", refused.reason);
            if (!is_joining_) return;
            exit_code_ = fail({refused.reason});
            context_.stop();
          },
          [&](node::Left&) {
            for (auto& done : std::exchange(left_, {}))
              keeper_.when_stored(std::move(done));
          },
      },
      action);
}

/// The stamp in it may not be used again after a crash.
void Daemon::hold_handshake(peer::SendDatagram&& send) {
  if (held_handshakes_.size() >= kMostHeld) held_handshakes_.pop_front();
  held_handshakes_.push_back(std::move(send));
  release_when_stored();
}

/// The server is told nothing that a crash could make us forget.
void Daemon::send_line(std::string&& line) {
  if (held_lines_.empty() && !keeper_.is_behind()) return link_.send(std::move(line));
  held_lines_.push_back(std::move(line));
  release_when_stored();
}

void Daemon::release_when_stored() {
  if (std::exchange(is_releasing_, true)) return;
  keeper_.when_stored([this](const Result<void>&) {
    is_releasing_ = false;
    if (keeper_.is_behind()) return release_when_stored();  // there is something newer to be stored
    for (const peer::SendDatagram& held : std::exchange(held_handshakes_, {}))
      send_datagram(held);
    for (std::string& held : std::exchange(held_lines_, {}))
      link_.send(std::move(held));
    pump();
  });
}

void Daemon::send_datagram(const peer::SendDatagram& send) {
  if (const auto relayed = relays_.send_datagram(send.base, send.to, send.bytes)) {
    if (relayed->status == dataplane::SendStatus::unreachable)
      node_.on_send_failed(send.base, send.to, now());
    return;
  }
  dataplane::UdpBase* base = bases_.find(send.base);
  if (!base) return;
  const auto outcome = base->send(send.to, {send.bytes, static_cast<std::uint16_t>(send.bytes.size())});
  if (outcome.status == dataplane::SendStatus::unreachable) node_.on_send_failed(send.base, send.to, now());
}

void Daemon::publish_names(const std::vector<HostName>& names) {
  if (const auto done = update_hosts_file(kHostsFile, state_.path().string(), names); !done) {
    log::warning("daemon", "{}", done.error().message);
  }
}

}  // namespace

int run_daemon(DaemonOptions options) {
  const auto fail = [](const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.message.c_str());
    return 1;
  };
  SystemRandom random;
  // Above this line only files of ours are read; below it the machine is changed.
  auto state = store::StateDirectory::open(options.directory, random);
  if (!state) return fail(state.error());
  if (const auto enrolled = enrol(*state, options.join_token); !enrolled) return fail(enrolled.error());
  if (options.config.data_plane.aes == AesChoice::openssl)
    crypto::set_default_aead_implementation(crypto::AeadImplementation::openssl);

  const DataPlaneConfig& wished = options.config.data_plane;
  const unsigned loops = dataplane::loops_to_run(wished.loops, std::thread::hardware_concurrency());
  auto nic = VirtualNic::open(options.config.tun, options.config.mtu, loops,
                              {.checksum = true, .tso = wished.tun_tso, .uso = wished.tun_uso});
  if (!nic) return fail(nic.error());
  auto monitor = net::NicMonitor::open();
  if (!monitor) return fail(monitor.error());
  Daemon daemon(std::move(options), std::move(*state), std::move(*nic), std::move(*monitor));
  return daemon.run();
}

}  // namespace causeway::daemon
