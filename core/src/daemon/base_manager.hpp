#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base_choice.hpp"
#include "daemon/config.hpp"
#include "dataplane/udp_base.hpp"
#include "net/nic_monitor.hpp"
#include "peer/peer.hpp"

namespace causeway::daemon {

/// Keeps one UDP base for each local address that may be a host candidate: one port per address, shared by
/// all peers, the same after a restart; of each base one socket for each data loop. Control thread.
class BaseManager {
 public:
  using PortMemory = std::map<net::IpAddress, std::uint16_t>;

  using Sockets = std::vector<std::shared_ptr<dataplane::UdpBase>>;  ///< one for each data loop

  BaseManager(const Config& config, std::string own_tun, unsigned loops)
      : policy_(config.candidates),
        listen_port_(config.listen_port),
        use_gso_(config.data_plane.udp_segmentation),
        use_gro_(config.data_plane.udp_gro),
        own_tun_(std::move(own_tun)),
        loops_(loops) {}

  struct Changes {
    std::vector<Sockets> added;
    std::vector<net::BaseId> removed;
    bool any() const { return !added.empty() || !removed.empty(); }
  };
  /// Opens and drops bases so that they match `interfaces`. `remembered` are the ports of earlier runs. An
  /// address whose socket can't be opened is logged and tried again at the next call.
  Changes update(const std::vector<net::Interface>& interfaces, const PortMemory& remembered);

  /// Takes effect at the next update().
  void set_policy(CandidatePolicy policy) { policy_ = std::move(policy); }
  const peer::LocalBases& bases() const { return bases_; }
  /// Addresses of this machine that have no base, as of the last update().
  const std::vector<IgnoredAddress>& ignored() const { return ignored_; }
  /// How many sockets there are, and how many of them send and receive several datagrams at once.
  struct Offloads {
    unsigned sockets = 0, segmenting = 0, coalescing = 0;
  };
  Offloads offloads() const;
  /// What the control thread sends by; null once it is gone.
  dataplane::UdpBase* find(net::BaseId base) const;

 private:
  Result<Sockets> open(net::BaseId id, const net::UdpSocketOptions& options) const;
  void mark_default_routes();

  CandidatePolicy policy_;
  std::uint16_t listen_port_;
  bool use_gso_, use_gro_;
  std::string own_tun_;
  unsigned loops_;
  std::map<net::BaseId, Sockets> open_;
  peer::LocalBases bases_;
  std::vector<IgnoredAddress> ignored_;
  std::uint32_t next_base_ = 1;
};

}  // namespace causeway::daemon
