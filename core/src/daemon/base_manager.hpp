#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "dataplane/udp_base.hpp"
#include "net/nic_monitor.hpp"
#include "peer/peer.hpp"

namespace causeway::daemon {

/// Keeps one UDP base for each local address that may be a host candidate: one port per address, shared by
/// all peers, the same after a restart. Control thread.
class BaseManager {
 public:
  using PortMemory = std::map<net::IpAddress, std::uint16_t>;

  BaseManager(CandidatePolicy policy, std::uint16_t listen_port, std::string own_tun)
      : policy_(std::move(policy)), listen_port_(listen_port), own_tun_(std::move(own_tun)) {}

  struct Changes {
    std::vector<std::shared_ptr<dataplane::UdpBase>> added;
    std::vector<net::BaseId> removed;
    bool any() const { return !added.empty() || !removed.empty(); }
  };
  /// Opens and drops bases so that they match `interfaces`. `remembered` are the ports of earlier runs. An
  /// address whose socket can't be opened is logged and tried again at the next call.
  Changes update(const std::vector<net::Interface>& interfaces, const PortMemory& remembered);

  /// Takes effect at the next update().
  void set_policy(CandidatePolicy policy) { policy_ = std::move(policy); }
  const peer::LocalBases& bases() const { return bases_; }
  /// Null once it is gone.
  dataplane::UdpBase* find(net::BaseId base) const;

 private:
  struct Wanted {
    std::string interface;
    net::Prefix on_link;
    std::uint16_t mtu = 1500;
  };
  std::map<net::IpAddress, Wanted> wanted(const std::vector<net::Interface>& interfaces) const;
  void mark_default_routes();

  CandidatePolicy policy_;
  std::uint16_t listen_port_;
  std::string own_tun_;
  std::map<net::BaseId, std::shared_ptr<dataplane::UdpBase>> open_;
  peer::LocalBases bases_;
  std::uint32_t next_base_ = 1;
};

}  // namespace causeway::daemon
