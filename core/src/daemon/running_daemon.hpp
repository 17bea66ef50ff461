#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>

#include "base/random.hpp"
#include "daemon/base_manager.hpp"
#include "daemon/control_methods.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/daemon.hpp"
#include "daemon/hosts_file.hpp"
#include "daemon/plugin_worker.hpp"
#include "daemon/state_keeper.hpp"
#include "daemon/suspend_watch.hpp"
#include "daemon/trace_recorder.hpp"
#include "daemon/virtual_nic.hpp"
#include "dataplane/data_plane.hpp"
#include "link/tls_client.hpp"
#include "net/nic_monitor.hpp"
#include "node/node.hpp"
#include "plugin/executor.hpp"
#include "plugin/fault_note.hpp"
#include "plugin/host.hpp"
#include "relay/relay_manager.hpp"
#include "relay/turn_directory.hpp"
#include "store/state_directory.hpp"

namespace causeway::daemon {

namespace asio = boost::asio;

/// Everything the node needs of the machine, in the order it is opened; destroyed in reverse: the data loops
/// stop before the TUN goes, plugins are closed before the executor.
class Daemon final : public ControlTarget {
 public:
  Daemon(DaemonOptions options, store::StateDirectory state, VirtualNic nic, net::NicMonitor monitor);
  int run();

  // ---- ControlTarget ----
  node::Node& node() override { return node_; }
  plugin::Host& plugins() override { return plugins_; }
  TraceRecorder& recorder() override { return recorder_; }
  PluginWorker& plugin_worker() override { return plugin_worker_; }
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
  void pump() override;

 private:
  Result<void> start();
  plugin::Host::Options host_options() const;
  plugin::HostCallbacks host_callbacks();
  bool is_only_path(const std::string& transport) const;
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
  TraceRecorder recorder_{*this};
  link::TlsClient link_;
  std::unique_ptr<ControlSocket> control_;
  PluginWorker plugin_worker_{context_};
  std::vector<StateKeeper::Done> left_;
  std::map<std::uint64_t, FriendDone> friend_waiters_;  ///< by ticket
  // What has to be on disk first. Bounded: a link that gets no answer closes, a handshake is repeated.
  std::deque<std::string> held_lines_;
  std::deque<peer::SendDatagram> held_handshakes_;
  bool holds_next_handshake_ = false;
  bool is_releasing_ = false;
  SteadyTime under_load_until_{};
  bool is_pumping_ = false;
  bool is_stopping_ = false;
  bool is_joining_ = false;  ///< told to join and not registered since: a refusal ends the daemon
  int exit_code_ = 0;
};

}  // namespace causeway::daemon
