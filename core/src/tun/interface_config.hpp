#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "net/endpoint.hpp"
#include "net/netlink.hpp"
#include "net/nic_monitor.hpp"

namespace causeway::tun {

/// Sets up one NIC by rtnetlink. Everything set here goes when the NIC goes. Errors name the NIC and what was
/// tried. Needs CAP_NET_ADMIN. [control thread]
class InterfaceConfig {
 public:
  static Result<InterfaceConfig> open(const std::string& name);

  /// The on-link route of the prefix comes with the address. Repeating is harmless.
  Result<void> add_address(const net::IpAddress& address, std::uint8_t prefix_length);
  Result<void> remove_address(const net::IpAddress& address, std::uint8_t prefix_length);
  Result<void> set_mtu(std::uint32_t mtu);
  Result<void> set_up(bool up);
  Result<void> set_queue_length(std::uint32_t frames);

  /// Replaces our route to the same destination; another NIC's is left alone and makes this fail. `mtu`
  /// bounds packets to the destination below the NIC's own.
  Result<void> add_route(const net::Prefix& destination, std::optional<std::uint32_t> mtu = std::nullopt);
  /// A route that is not there is no error.
  Result<void> remove_route(const net::Prefix& destination);

 private:
  InterfaceConfig(std::string name, int index, net::NetlinkSocket socket)
      : name_(std::move(name)), index_(index), socket_(std::move(socket)) {}
  Result<void> change_link(std::uint32_t flags, std::uint32_t mask, std::uint16_t attribute,
                           std::uint32_t value, const std::string& what);
  Result<void> perform(net::NetlinkRequest& request, const std::string& what, int harmless);
  Result<void> result_of(int error, const std::string& what) const;

  std::string name_;
  int index_;
  net::NetlinkSocket socket_;
};

/// False: the kernel has no IPv6, or it is switched off for this NIC (net.ipv6.conf.NAME.disable_ipv6).
bool ipv6_is_enabled(const std::string& name);

/// The first network of this machine that shares addresses with `prefix`: traffic for one of the two would
/// get lost. A default route is no local network.
std::optional<net::LocalNetwork> find_overlap(const net::Prefix& prefix,
                                              std::span<const net::LocalNetwork> networks);

}  // namespace causeway::tun
