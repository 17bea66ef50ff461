#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "netcheck/nat_probe.hpp"

namespace causeway::netcheck {

/// One local address and what was found out from it.
struct LocalReport {
  std::string interface;
  net::Endpoint local;
  bool has_default_route = false;
  std::string failure;  ///< why nothing could be asked; empty: it could
  NatReport nat;
};

struct ServerReport {
  std::string address;          ///< empty: no network was joined
  std::string state, reason;    ///< of the daemon's link
  std::optional<Duration> rtt;  ///< of a TCP handshake
  std::string failure;          ///< of that handshake
};

/// A relayed address that this node has.
struct RelayReport {
  net::Endpoint relayed, base;
  std::string source, transport;
  std::optional<Duration>
      rtt;  ///< to its server, if that answers Binding over UDP at the relayed address's IP
};

/// "turn:192.0.2.10:3478", with or without "?transport=udp": where its server answers Binding requests, too.
/// nullopt: it is named by name, or not reached by UDP.
std::optional<net::Endpoint> binding_address(std::string_view turn_uri);

struct Findings {
  std::vector<LocalReport> locals;
  std::size_t stun_servers = 0;             ///< known, of all families
  std::vector<net::Endpoint> turn_servers;  ///< asked as well, for their RTT
  ServerReport server;
  std::vector<RelayReport> relays;
  Duration took{};
};

/// True: no UDP passes, from any address that could ask. nullopt: nobody could be asked.
std::optional<bool> is_udp_blocked(const Findings& findings);
/// Moves what TURN servers answered from the locals' reports to those of the relays.
void attribute_relays(Findings& findings);
/// What a person should know, worst first: each with what to do about it, or what follows from it.
std::vector<std::string> problems(const Findings& findings);
/// "Direct paths to …": what this network's NAT means for connections.
std::string summary(const Findings& findings);
nlohmann::json to_json(const Findings& findings);

}  // namespace causeway::netcheck
