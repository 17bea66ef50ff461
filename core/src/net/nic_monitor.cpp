#include "net/nic_monitor.hpp"

#include <fmt/core.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace causeway::net {
namespace {

// IFF_LOWER_UP and IFF_DORMANT of linux/if.h, which does not go together with net/if.h.
constexpr unsigned kLowerUp = 1U << 16, kDormant = 1U << 17;
/// Machines with more NICs than half of this are full of containers, whose routers nobody asks for.
constexpr std::size_t kMostGatewayQuestions = 128;

template <class Value>
bool take(ByteView bytes, Value& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  return true;
}

std::string text_of(ByteView value) {
  const std::string_view text = as_text(value);
  return std::string(text.substr(0, text.find('\0')));
}

std::optional<IpAddress> address_of(ByteView value) {
  if (std::array<std::uint8_t, 4> octets; value.size() == octets.size() && take(value, octets)) {
    return IpAddress::v4(octets);
  }
  if (std::array<std::uint8_t, 16> octets; value.size() == octets.size() && take(value, octets)) {
    return IpAddress::v6(octets);
  }
  return std::nullopt;
}

void add_link(ByteView payload, std::vector<Interface>& interfaces) {
  ifinfomsg link;
  if (!take(payload, link)) return;
  Interface made;
  made.index = link.ifi_index;
  made.up = (link.ifi_flags & IFF_UP) != 0;
  // Not IFF_RUNNING: the kernel brings that up to date once a second, and a roaming node would wait for it.
  made.running = (link.ifi_flags & kLowerUp) != 0 && (link.ifi_flags & kDormant) == 0;
  made.loopback = (link.ifi_flags & IFF_LOOPBACK) != 0;
  for_each_attribute(payload.subspan(NLMSG_ALIGN(sizeof link)), [&](std::uint16_t type, ByteView value) {
    if (type == IFLA_IFNAME) made.name = text_of(value);
    if (type == IFLA_MTU) take(value, made.mtu);
    if (type != IFLA_LINKINFO) return;
    for_each_attribute(value, [&](std::uint16_t inner, ByteView kind) {
      if (inner == IFLA_INFO_KIND) made.kind = text_of(kind);
    });
  });
  interfaces.push_back(std::move(made));
}

void add_address(ByteView payload, std::vector<Interface>& interfaces) {
  ifaddrmsg message;
  if (!take(payload, message)) return;
  std::uint32_t flags = message.ifa_flags;  // the low 8 bits; IFA_FLAGS has all
  std::optional<IpAddress> local, peer;
  for_each_attribute(payload.subspan(NLMSG_ALIGN(sizeof message)), [&](std::uint16_t type, ByteView value) {
    if (type == IFA_LOCAL) local = address_of(value);
    if (type == IFA_ADDRESS) peer = address_of(value);
    if (type == IFA_FLAGS) take(value, flags);
  });
  // On a point-to-point link IFA_ADDRESS is the far end; IPv6 without one has no IFA_LOCAL.
  const auto address = local ? local : peer;
  const auto owner = std::find_if(interfaces.begin(), interfaces.end(), [&](const Interface& candidate) {
    return candidate.index == static_cast<int>(message.ifa_index);
  });
  if (!address || owner == interfaces.end() || message.ifa_prefixlen > address->size() * 8) return;
  owner->addresses.push_back(
      {*address, message.ifa_prefixlen,
       (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 && (flags & IFA_F_OPTIMISTIC) == 0,
       (flags & IFA_F_DEPRECATED) != 0, (flags & IFA_F_TEMPORARY) != 0 && !address->is_v4()});
}

}  // namespace

std::string_view to_text(NotCandidate reason) {
  switch (reason) {
    case NotCandidate::is_candidate:
      return "used";
    case NotCandidate::loopback:
      return "loopback: it leads nowhere else";
    case NotCandidate::tunnel:
      return "a TUN or TAP: what leaves there may come back";
    case NotCandidate::bridge:
      return "a bridge of this machine";
    case NotCandidate::not_running:
      return "its interface is down, or has no carrier";
    case NotCandidate::link_local:
      return "link-local: a peer cannot know on which link";
    case NotCandidate::not_unicast:
      return "not a unicast address";
    case NotCandidate::tentative:
      return "still being checked for duplicates, or a duplicate";
    case NotCandidate::deprecated:
      return "deprecated: not for new connections";
  }
  return "ignored";
}

bool InterfaceAddress::shows_hardware_address() const {
  return !address.is_v4() && address.data()[11] == 0xff && address.data()[12] == 0xfe;
}

NotCandidate why_no_candidate(const Interface& interface) {
  if (interface.loopback) return NotCandidate::loopback;
  if (interface.kind == "tun") return NotCandidate::tunnel;  // the kernel's word for TAP as well
  if (interface.kind == "bridge") return NotCandidate::bridge;
  if (!interface.up || !interface.running) return NotCandidate::not_running;
  return NotCandidate::is_candidate;
}

NotCandidate why_no_candidate(const InterfaceAddress& address) {
  if (address.address.is_loopback()) return NotCandidate::loopback;
  if (!address.address.is_usable_unicast()) return NotCandidate::not_unicast;
  if (address.address.is_link_local()) return NotCandidate::link_local;
  if (address.tentative) return NotCandidate::tentative;
  if (address.deprecated) return NotCandidate::deprecated;
  return NotCandidate::is_candidate;
}

std::vector<LocalNetwork> local_networks(const std::vector<Interface>& interfaces, std::string_view except) {
  std::vector<LocalNetwork> networks;
  for (const Interface& interface : interfaces) {
    if (!interface.up || interface.name == except) continue;
    for (const InterfaceAddress& address : interface.addresses) {
      networks.push_back({interface.name, address.prefix()});
    }
  }
  return networks;
}

void add_described(std::uint16_t type, ByteView payload, std::vector<Interface>& interfaces) {
  if (type == RTM_NEWLINK) add_link(payload, interfaces);
  if (type == RTM_NEWADDR) add_address(payload, interfaces);
}

bool is_default_route(std::uint16_t type, ByteView payload) {
  if (type != RTM_NEWROUTE && type != RTM_DELROUTE) return false;
  rtmsg route;
  return take(payload, route) && route.rtm_dst_len == 0 && route.rtm_type == RTN_UNICAST;
}

std::optional<IpAddress> gateway_of(std::uint16_t type, ByteView payload) {
  rtmsg route;
  if (type != RTM_NEWROUTE || !take(payload, route)) return std::nullopt;
  std::optional<IpAddress> gateway;
  for_each_attribute(payload.subspan(NLMSG_ALIGN(sizeof route)),
                     [&](std::uint16_t attribute, ByteView value) {
                       if (attribute == RTA_GATEWAY) gateway = address_of(value);
                     });
  return gateway;
}

Result<NicMonitor> NicMonitor::open() {
  auto events = NetlinkSocket::open_monitor(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                            RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
  if (!events) return events.error();
  auto requests = NetlinkSocket::open();
  if (!requests) return requests.error();
  // Subscribed before the first list: a change between the two is seen twice instead of never.
  NicMonitor monitor(std::move(*events), std::move(*requests));
  if (const auto listed = monitor.refresh(); !listed) return listed.error();
  return monitor;
}

const Interface* NicMonitor::find(std::string_view name) const {
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                  [&](const Interface& interface) { return interface.name == name; });
  return found == interfaces_.end() ? nullptr : &*found;
}

bool NicMonitor::has_usable_address(const IpAddress& address) const {
  return std::any_of(interfaces_.begin(), interfaces_.end(), [&](const Interface& interface) {
    return interface.up && (interface.running || interface.loopback) &&
           std::any_of(interface.addresses.begin(), interface.addresses.end(),
                       [&](const auto& known) { return known.address == address && !known.tentative; });
  });
}

Result<bool> NicMonitor::refresh() {
  bool is_occasion = false;
  const auto drained = events_.drain([&](std::uint16_t type, ByteView payload) {
    if (type != RTM_NEWROUTE && type != RTM_DELROUTE) is_occasion = true;
    if (is_default_route(type, payload)) is_occasion = default_route_changed_ = true;
  });
  if (drained.overflowed) is_occasion = default_route_changed_ = true;
  if (drained.any && !is_occasion) return false;
  std::vector<Interface> listed;
  int error = EINTR;
  for (int attempt = 0; attempt < 5 && error == EINTR; ++attempt) {
    listed.clear();
    error = list(listed);
  }
  // Still changing after five attempts: the notifications that go with it bring us here again.
  if (error != 0 && error != EINTR) {
    return Error{
        fmt::format("cannot list the network interfaces: {}", std::generic_category().message(error))};
  }
  const bool changed = listed != interfaces_;
  interfaces_ = std::move(listed);
  return changed;
}

/// Asks for the way to a far address, as what is bound to the NIC would take it.
void NicMonitor::find_gateways(std::vector<Interface>& interfaces) {
  std::size_t asked = 0;
  for (Interface& interface : interfaces) {
    if (!is_candidate_interface(interface)) continue;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const bool has_address =
          std::any_of(interface.addresses.begin(), interface.addresses.end(), [family](const auto& known) {
            return known.address.family() == family && !known.address.is_link_local();
          });
      if (!has_address || ++asked > kMostGatewayQuestions) continue;
      const IpAddress far = family == Family::ipv4
                                ? IpAddress::v4(0xc0000201)  // 192.0.2.1
                                : IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
      rtmsg route{};
      route.rtm_family = family == Family::ipv4 ? AF_INET : AF_INET6;
      route.rtm_dst_len = static_cast<unsigned char>(far.size() * 8);
      NetlinkRequest question(RTM_GETROUTE, 0, route);
      question.add(RTA_DST, {far.data(), far.size()});
      question.add_u32(RTA_OIF, static_cast<std::uint32_t>(interface.index));
      question.ask_for_acknowledgement();
      auto& gateway = family == Family::ipv4 ? interface.gateway4 : interface.gateway6;
      // No route is an answer, too.
      (void)requests_.list(question, [&](std::uint16_t type, ByteView payload) {
        if (const auto told = gateway_of(type, payload)) gateway = told;
      });
    }
  }
}

int NicMonitor::list(std::vector<Interface>& interfaces) {
  NetlinkRequest links(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  const auto add = [&](std::uint16_t type, ByteView payload) { add_described(type, payload, interfaces); };
  const int link_error = requests_.list(links, add);
  if (link_error != 0) return link_error;
  NetlinkRequest addresses(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  const int address_error = requests_.list(addresses, add);
  find_gateways(interfaces);
  std::sort(interfaces.begin(), interfaces.end(),
            [](const Interface& a, const Interface& b) { return a.index < b.index; });
  return address_error;
}

}  // namespace causeway::net
