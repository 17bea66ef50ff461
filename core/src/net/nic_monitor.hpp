#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/endpoint.hpp"
#include "net/netlink.hpp"

namespace causeway::net {

struct InterfaceAddress {
  IpAddress address;
  std::uint8_t prefix_length = 0;
  bool tentative = false;   ///< IPv6: duplicate detection still runs, or has failed
  bool deprecated = false;  ///< IPv6: no longer for new connections
  bool temporary = false;   ///< IPv6 privacy address

  Prefix prefix() const { return Prefix::containing(address, prefix_length); }
  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct Interface {
  std::string name;
  int index = 0;
  std::string kind;      ///< "tun", "bridge", "veth", "wireguard"…; empty for hardware
  bool up = false;       ///< switched on by the administrator
  bool running = false;  ///< has a carrier
  bool loopback = false;
  std::uint32_t mtu = 0;
  std::vector<InterfaceAddress> addresses;

  friend bool operator==(const Interface&, const Interface&) = default;
};

/// Why an interface or an address makes no host candidate.
enum class NotCandidate : std::uint8_t {
  is_candidate,
  loopback,
  tunnel,          ///< a TUN or TAP, ours or another VPN's: what leaves there may come back to us
  bridge,          ///< inside this machine, for containers and virtual machines
  container_name,  ///< named docker*, br-*, veth*, virbr* or cni*
  not_running,
  link_local,  ///< needs a zone, which candidates can't carry
  not_unicast,
  tentative,
  deprecated,
};
/// "ignored: a bridge", for the log and `netcheck`.
std::string_view to_text(NotCandidate reason);

/// Judged by name, and by kind only for TUN and bridge: in containers the real NIC is of kind veth and named
/// eth0.
NotCandidate why_no_candidate(const Interface& interface);
NotCandidate why_no_candidate(const InterfaceAddress& address);
inline bool is_candidate_interface(const Interface& interface) {
  return why_no_candidate(interface) == NotCandidate::is_candidate;
}

/// A network that this machine is on.
struct LocalNetwork {
  std::string interface;
  Prefix prefix;
};
/// Of all interfaces that are up but `except` (our TUN), loopback and link-local included.
std::vector<LocalNetwork> local_networks(const std::vector<Interface>& interfaces, std::string_view except);

/// Adds what one RTM_NEWLINK or RTM_NEWADDR message tells; links come before their addresses. Others, and
/// messages too short, change nothing.
void add_described(std::uint16_t type, ByteView payload, std::vector<Interface>& interfaces);

/// The interfaces of this network namespace and their addresses, kept current. [control thread]
class NicMonitor {
 public:
  static Result<NicMonitor> open();

  /// Ordered by index.
  const std::vector<Interface>& interfaces() const { return interfaces_; }
  const Interface* find(std::string_view name) const;

  /// Readable when something may have changed: then call refresh().
  int descriptor() const { return events_.descriptor(); }
  /// Lists anew; true if interfaces() is different afterwards. Notifications are only the occasion, never the
  /// source: so none that is lost (ENOBUFS) can leave the list wrong.
  Result<bool> refresh();

 private:
  NicMonitor(NetlinkSocket events, NetlinkSocket requests)
      : events_(std::move(events)), requests_(std::move(requests)) {}
  int list(std::vector<Interface>& interfaces);

  NetlinkSocket events_;
  NetlinkSocket requests_;
  std::vector<Interface> interfaces_;
};

}  // namespace causeway::net
