#include "tun/interface_config.hpp"

#include <fmt/core.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace causeway::tun {
namespace {

std::uint8_t family_of(const net::IpAddress& address) { return address.is_v4() ? AF_INET : AF_INET6; }

ByteView bytes_of(const net::IpAddress& address) { return {address.data(), address.size()}; }

net::NetlinkRequest address_request(std::uint16_t type, std::uint16_t flags, int index,
                                    const net::IpAddress& address, std::uint8_t prefix_length) {
  ifaddrmsg message{};
  message.ifa_family = family_of(address);
  message.ifa_prefixlen = prefix_length;
  // Nobody else can be on the link of a TUN: without this an IPv6 address is unusable for the first second.
  message.ifa_flags = address.is_v4() ? 0 : IFA_F_NODAD;
  message.ifa_index = static_cast<unsigned>(index);
  net::NetlinkRequest request(type, flags, message);
  request.add(IFA_LOCAL, bytes_of(address));
  request.add(IFA_ADDRESS, bytes_of(address));
  return request;
}

net::NetlinkRequest route_request(std::uint16_t type, std::uint16_t flags, int index,
                                  const net::Prefix& destination) {
  rtmsg message{};
  message.rtm_family = family_of(destination.address);
  message.rtm_dst_len = destination.length;
  message.rtm_table = RT_TABLE_MAIN;
  message.rtm_protocol = type == RTM_DELROUTE ? RTPROT_UNSPEC : RTPROT_STATIC;
  message.rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : RT_SCOPE_LINK;
  message.rtm_type = type == RTM_DELROUTE ? RTN_UNSPEC : RTN_UNICAST;
  net::NetlinkRequest request(type, flags, message);
  if (destination.length > 0) request.add(RTA_DST, bytes_of(destination.address));
  request.add_u32(RTA_OIF, static_cast<std::uint32_t>(index));
  return request;
}

}  // namespace

Result<InterfaceConfig> InterfaceConfig::open(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0)
    return Error{fmt::format("there is no NIC named {}: {}", name, std::generic_category().message(errno))};
  auto socket = net::NetlinkSocket::open();
  if (!socket) return socket.error();
  return InterfaceConfig(name, static_cast<int>(index), std::move(*socket));
}

Result<void> InterfaceConfig::add_address(const net::IpAddress& address, std::uint8_t prefix_length) {
  auto request = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index_, address, prefix_length);
  return perform(request, fmt::format("give it the address {}/{}", address.to_string(), prefix_length),
                 EEXIST);
}

Result<void> InterfaceConfig::remove_address(const net::IpAddress& address, std::uint8_t prefix_length) {
  auto request = address_request(RTM_DELADDR, 0, index_, address, prefix_length);
  return perform(request, fmt::format("take the address {}/{} away", address.to_string(), prefix_length),
                 EADDRNOTAVAIL);
}

Result<void> InterfaceConfig::set_mtu(std::uint32_t mtu) {
  return change_link(0, 0, IFLA_MTU, mtu, fmt::format("set the MTU {}", mtu));
}

Result<void> InterfaceConfig::set_up(bool up) {
  return change_link(up ? IFF_UP : 0, IFF_UP, IFLA_UNSPEC, 0, up ? "switch it on" : "switch it off");
}

Result<void> InterfaceConfig::set_queue_length(std::uint32_t frames) {
  return change_link(0, 0, IFLA_TXQLEN, frames, fmt::format("set the queue length {}", frames));
}

Result<void> InterfaceConfig::add_route(const net::Prefix& destination, std::optional<std::uint32_t> mtu) {
  // Never NLM_F_REPLACE: it would take over the default route of the real NIC just as well.
  auto request = route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, index_, destination);
  if (mtu) {
    const std::size_t metrics = request.begin_nested(RTA_METRICS);
    request.add_u32(RTAX_MTU, *mtu);
    request.end_nested(metrics);
  }
  int error = socket_.transact(request);
  if (error == EEXIST) {
    auto ours = route_request(RTM_DELROUTE, 0, index_, destination);
    if (socket_.transact(ours) != 0) {
      return Error{fmt::format("{}: another NIC has a route to {} already", name_, destination.to_string())};
    }
    error = socket_.transact(request);
  }
  return result_of(error, fmt::format("route {} through it", destination.to_string()));
}

Result<void> InterfaceConfig::remove_route(const net::Prefix& destination) {
  auto request = route_request(RTM_DELROUTE, 0, index_, destination);
  return perform(request, fmt::format("remove the route to {}", destination.to_string()), ESRCH);
}

Result<void> InterfaceConfig::change_link(std::uint32_t flags, std::uint32_t mask, std::uint16_t attribute,
                                          std::uint32_t value, const std::string& what) {
  ifinfomsg message{};
  message.ifi_index = index_;
  message.ifi_flags = flags;
  message.ifi_change = mask;
  net::NetlinkRequest request(RTM_NEWLINK, 0, message);
  if (attribute != IFLA_UNSPEC) request.add_u32(attribute, value);
  return perform(request, what, 0);
}

Result<void> InterfaceConfig::perform(net::NetlinkRequest& request, const std::string& what, int harmless) {
  const int error = socket_.transact(request);
  return result_of(error == harmless ? 0 : error, what);
}

Result<void> InterfaceConfig::result_of(int error, const std::string& what) const {
  if (error == 0) return {};
  return Error{fmt::format("{}: cannot {}: {}{}", name_, what, std::generic_category().message(error),
                           error == EPERM ? "; run as root, or give the program CAP_NET_ADMIN" : "")};
}

bool ipv6_is_enabled(const std::string& name) {
  std::ifstream file("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6");
  int is_disabled = 1;
  return file >> is_disabled && is_disabled == 0;
}

std::optional<net::LocalNetwork> find_overlap(const net::Prefix& prefix,
                                              std::span<const net::LocalNetwork> networks) {
  const auto found = std::find_if(networks.begin(), networks.end(), [&](const net::LocalNetwork& network) {
    return network.prefix.length > 0 && network.prefix.overlaps(prefix);
  });
  if (found == networks.end()) return std::nullopt;
  return *found;
}

}  // namespace causeway::tun
