#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  bool temporary = false;   ///< IPv6 privacy address (RFC 8981)

  /// Made of the NIC's hardware address (RFC 4291 appendix A), by which its owner is known wherever he goes.
  bool shows_hardware_address() const;
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
  /// The routers that lead further from here; none: what is out of reach of this NIC, or not known.
  std::optional<IpAddress> gateway4, gateway6;

  const std::optional<IpAddress>& gateway(Family family) const {
    return family == Family::ipv4 ? gateway4 : gateway6;
  }
  friend bool operator==(const Interface&, const Interface&) = default;
};

/// Why an interface or an address makes no host candidate.
enum class NotCandidate : std::uint8_t {
  is_candidate,
  loopback,
  tunnel,  ///< a TUN or TAP, ours or another VPN's: what leaves there may come back to us
  bridge,  ///< inside this machine, for containers and virtual machines
  not_running,
  link_local,  ///< needs a zone, which candidates can't carry
  not_unicast,
  tentative,
  deprecated,
};
/// "a bridge", as the reason why something is ignored.
std::string_view to_text(NotCandidate reason);

/// By kind only for TUN and bridge: in containers the real NIC is of kind veth and named eth0. Names are the
/// configuration's to judge.
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

/// An RTM_NEWROUTE or RTM_DELROUTE of a default route. Tables by the thousand change on some machines: others
/// mean nothing here.
bool is_default_route(std::uint16_t type, ByteView payload);
/// The router of the route that one RTM_NEWROUTE message tells; none: there is no need of one.
std::optional<IpAddress> gateway_of(std::uint16_t type, ByteView payload);
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
  /// source: so none that is lost (ENOBUFS) can leave the list wrong. Of routes only default ones are an
  /// occasion.
  Result<bool> refresh();
  /// A default route came or went since this was asked last: the way out may be another one, with the same
  /// addresses.
  bool take_default_route_change() { return std::exchange(default_route_changed_, false); }
  /// `address` is on an interface that works: what is bound to it can send.
  bool has_usable_address(const IpAddress& address) const;

 private:
  NicMonitor(NetlinkSocket events, NetlinkSocket requests)
      : events_(std::move(events)), requests_(std::move(requests)) {}
  int list(std::vector<Interface>& interfaces);
  void find_gateways(std::vector<Interface>& interfaces);

  NetlinkSocket events_;
  NetlinkSocket requests_;
  std::vector<Interface> interfaces_;
  bool default_route_changed_ = false;
};

}  // namespace causeway::net
