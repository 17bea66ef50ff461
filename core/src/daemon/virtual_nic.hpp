#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "net/endpoint.hpp"
#include "net/nic_monitor.hpp"
#include "tun/interface_config.hpp"
#include "tun/tun_linux.hpp"

namespace causeway::daemon {

/// The TUN device with its address and routes as the node wants them. Control thread.
class VirtualNic {
 public:
  /// Opens the TUN with `queues` >= 1, sets its MTU and leaves it down until it has an address.
  static Result<VirtualNic> open(const std::string& name, std::uint16_t mtu, unsigned queues,
                                 const tun::TunOffloads& wanted);

  /// Gives the NIC its address, in place of an earlier one, and sets it up. The error says which local
  /// network the virtual one overlaps.
  Result<void> configure(const net::IpAddress& address, const net::Prefix& on_link,
                         const std::vector<net::Interface>& interfaces);
  /// An IPv6 address beside it, in place of an earlier one; none takes it away. The error is no reason to be
  /// without the IPv4 one: IPv6 may be switched off on this machine.
  Result<void> configure6(const std::optional<net::IpAddress>& address,
                          const std::optional<net::Prefix>& on_link,
                          const std::vector<net::Interface>& interfaces);
  /// Takes the addresses away and sets the NIC down: it shows as disconnected.
  void clear();
  /// Set at once if the NIC has an address, and whenever it gets one: routes go when it is switched off.
  Result<void> add_route(const net::Prefix& destination, std::uint32_t mtu);

  /// One for each data loop.
  std::vector<tun::TunDevice*> queues();
  const std::string& name() const { return queues_.front()->name(); }
  std::uint16_t mtu() const { return mtu_; }
  tun::TunOffloads offloads() const { return queues_.front()->offloads(); }

 private:
  using Queues = std::vector<std::unique_ptr<tun::LinuxTun>>;
  VirtualNic(Queues queues, tun::InterfaceConfig config, std::uint16_t mtu)
      : queues_(std::move(queues)), config_(std::move(config)), mtu_(mtu) {}

  struct Address {
    net::IpAddress address;
    net::Prefix on_link;
    friend bool operator==(const Address&, const Address&) = default;
  };
  struct Route {
    net::Prefix destination;
    std::uint32_t mtu = 0;
  };
  Queues queues_;
  tun::InterfaceConfig config_;
  std::uint16_t mtu_;
  Result<void> check_overlap(const net::Prefix& on_link, const std::vector<net::Interface>& interfaces) const;
  std::optional<Address> address_, address6_;
  std::vector<Route> routes_;
};

}  // namespace causeway::daemon
