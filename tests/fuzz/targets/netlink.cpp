#include "net/netlink.hpp"

#include "input.hpp"
#include "net/nic_monitor.hpp"

// What a kernel could answer: messages and attributes of any length, nested.
CAUSEWAY_FUZZ_TARGET(netlink) {
  std::vector<net::Interface> interfaces;
  const ByteView datagram = input.rest();
  std::size_t seen = 0;
  net::for_each_message(datagram, [&](const nlmsghdr& header, ByteView payload) {
    seen += sizeof header + payload.size();
    net::add_described(header.nlmsg_type, payload, interfaces);
    (void)net::is_default_route(header.nlmsg_type, payload);
    (void)net::gateway_of(header.nlmsg_type, payload);
    return true;
  });
  require(seen <= datagram.size(), "messages longer than their datagram");
  for (const net::Interface& interface : interfaces) {
    (void)net::why_no_candidate(interface);
    for (const auto& address : interface.addresses) {
      require(address.prefix().contains(address.address), "an address outside its own prefix");
      (void)net::why_no_candidate(address);
    }
  }
  net::local_networks(interfaces, "cw0");
}
