#pragma once

#include <functional>

#include "daemon/base_manager.hpp"
#include "daemon/control_socket.hpp"
#include "daemon/state_keeper.hpp"
#include "dataplane/data_plane.hpp"
#include "node/node.hpp"
#include "node/node_report.hpp"
#include "plugin/host.hpp"
#include "relay/relay_manager.hpp"
#include "tun/tun_device.hpp"

namespace boost::asio {
class io_context;
}

namespace causeway::daemon {

class PluginWorker;

/// Of those that were asked for, what the kernel and the NICs have.
struct OffloadsInUse {
  tun::TunOffloads tun;
  BaseManager::Offloads udp;
};

class TraceRecorder;

/// What the control socket's methods act on. Control thread.
class ControlTarget {
 public:
  virtual ~ControlTarget() = default;
  virtual node::Node& node() = 0;
  virtual plugin::Host& plugins() = 0;
  virtual TraceRecorder& recorder() = 0;
  virtual PluginWorker& plugin_worker() = 0;
  virtual const dataplane::DataPlane& data_plane() const = 0;
  virtual node::InterfaceFacts interface() const = 0;
  virtual OffloadsInUse offloads() const = 0;
  /// Local addresses that are no host candidates.
  virtual const std::vector<IgnoredAddress>& ignored_addresses() const = 0;
  /// Of transport plugins.
  virtual std::vector<relay::LinkView> links() const = 0;
  virtual boost::asio::io_context& context() = 0;
  virtual Now now() const = 0;
  /// Obeys what the node asks for after a wish.
  virtual void pump() = 0;
  /// Calls `done` once leaving is complete and stored, or could not be stored.
  virtual void on_left(StateKeeper::Done done) = 0;
  /// As StateKeeper::when_stored().
  virtual void when_stored(StateKeeper::Done done) = 0;
  /// Why the state directory cannot be written; empty: it can.
  virtual const std::string& store_failure() const = 0;
  using FriendDone = std::function<void(const node::FriendAnswered&)>;
  /// Calls `done` with the answer to Node::add_friend() or remove_friend(). To be called before pump().
  virtual void on_friend_answered(std::uint64_t ticket, FriendDone done) = 0;
};

/// The methods behind the `causeway` command, one per sub-command, and which of them only read.
ControlSocket::Handler make_control_handler(ControlTarget& target);

}  // namespace causeway::daemon
