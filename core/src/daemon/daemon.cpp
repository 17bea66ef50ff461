#include "daemon/daemon.hpp"

#include <cstdio>
#include <thread>

#include "base/log.hpp"
#include "crypto/aead_support.hpp"
#include "daemon/capabilities.hpp"
#include "daemon/node_options.hpp"
#include "daemon/running_daemon.hpp"

namespace causeway::daemon {

Daemon::Daemon(DaemonOptions options, store::StateDirectory state, VirtualNic nic, net::NicMonitor monitor)
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

int Daemon::run() {
  if (const auto started = start(); !started) return fail(started.error());
  context_.run();
  data_.stop();
  if (options_.config.hosts_file) publish_names({});
  return exit_code_;
}

Result<void> Daemon::start() {
  is_joining_ = options_.join_token.has_value();
  fault_note_.emplace(host_options().private_directory);
  auto control = ControlSocket::open(context_, state_.path() / "causeway.sock", make_control_handler(*this),
                                     {.group = options_.config.control_group});
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
  options_.config.plugins.configuration = config->plugins.configuration;
  log::set_level(config->log_level);
  options_.config.subscriptions = config->subscriptions;
  node_.set_extra_stun_servers(config->stun_servers, now());
  node_.set_subscription_policy(config->subscriptions, now());
  node_.set_check_list(config->check_list, now());
  node_.set_reports(config->reports, now());
  publish_turn_servers();
  plugins_.set_parameters(config->plugins.configuration);
  use_configured_stack();
  bases_.set_policy(config->candidates);
  on_network_changed({});
  log::info("daemon", "the configuration was read again");
}

void Daemon::shut_down() {
  node_.stop(now());
  pump();
  control_.reset();
  is_stopping_ = true;
  // Relays are given back, so that they do not count against our quota at the next start.
  plugins_.stop([this] {
    link_.close();
    context_.stop();
  });
}

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
