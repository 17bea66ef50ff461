#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "dataplane/pollable_carrier.hpp"
#include "peer/peer.hpp"
#include "plugin/host.hpp"

namespace boost::asio {
class io_context;
}

namespace causeway::relay {

/// One link as `causeway metrics` shows it.
struct LinkView {
  std::string transport;  ///< the plugin
  std::string label;      ///< "turn-udp", once it is allocated
  std::string kind;       ///< "udp", "tcp", "tls"
  net::Endpoint nic;
  net::Endpoint server;
  std::optional<net::Endpoint> relayed;
  std::size_t peers = 0;
  std::uint64_t sent = 0, received = 0, dropped_by_wrap = 0, dropped_by_unwrap = 0, dropped_queue_full = 0,
                messages = 0;
};

/// The sockets behind the links of transport plugins, and the bases that allocated links are. Obeys the
/// plugin host, tells it what became of links, and tells the data plane and the node of bases that come and
/// go. Control thread.
class RelayManager {
 public:
  struct Callbacks {
    /// A carrier to be read by the first data loop and sent by from all.
    std::function<void(net::BaseId, std::shared_ptr<dataplane::PollableCarrier>)> add_carrier;
    std::function<void(net::BaseId)> remove_carrier;
    /// bases() is another.
    std::function<void()> bases_changed;
    std::function<Now()> now;
  };
  struct Options {
    bool use_gso = true;
    bool use_gro = true;
  };
  /// `nics` are the bases that links begin from; `host` and `nics` are borrowed and outlive it, `host` may
  /// still be under construction.
  RelayManager(boost::asio::io_context& context, plugin::Host& host, const peer::LocalBases& nics,
               Options options, Callbacks callbacks);
  ~RelayManager();

  // ---- as the plugin host asks ----
  void open(plugin::LinkRequest request);
  void close(plugin::LinkId id);
  void send(plugin::LinkId id, ByteView message);
  void on_allocated(plugin::LinkId id, const plugin::LinkAllocation& allocation);
  void on_allocation_lost(plugin::LinkId id, const std::string& reason);
  /// The node forgets the base; what peers still send by it is received until the link is closed.
  void on_allocation_ending(plugin::LinkId id);

  // ---- as the daemon asks ----
  /// The bases that allocated links are.
  const peer::LocalBases& bases() const;
  /// A datagram of the node's own, a check or a handshake message; the relay is told of a new peer first.
  /// Nullopt: no such base.
  std::optional<dataplane::SendOutcome> send_datagram(net::BaseId base, const net::Endpoint& to,
                                                      ByteView bytes);
  std::vector<LinkView> links() const;

  /// A peer that the node has sent nothing to for so long is let go. Longer than ICE keeps a pair warm.
  static constexpr Duration kPeerIdle = std::chrono::seconds(60);
  /// A full list takes a new peer in place of one that has been idle for at least this.
  static constexpr Duration kPeerSpare = std::chrono::seconds(10);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace causeway::relay
