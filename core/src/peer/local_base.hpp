#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "net/endpoint.hpp"

namespace causeway::peer {

/// What a base has that is an address on a relay (RFC 8445 §5.1.1.2: a relayed candidate is its own base).
struct Relay {
  std::string source;     ///< the plugin's name
  std::string transport;  ///< "turn-udp"
  net::Endpoint nic;      ///< our own address and port, towards the relay
  net::Endpoint mapped;   ///< as which the relay sees us: the related address
  friend bool operator==(const Relay&, const Relay&) = default;
};

/// One local base as its driver opened it.
struct LocalBase {
  net::BaseId base = net::BaseId::none;
  net::Endpoint address = {};  ///< of a relay: the relayed address
  std::string interface = {};
  std::uint16_t mtu = 1500;
  net::Prefix on_link = {};  ///< what is reached from it without a router
  bool has_default_route = false;
  std::optional<Relay> relay = {};
  std::optional<net::IpAddress> gateway = {};  ///< the router that leads further from this NIC
};
using LocalBases = std::map<net::BaseId, LocalBase>;

}  // namespace causeway::peer
