#include "netcheck/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace causeway::netcheck {
namespace {

using Json = nlohmann::json;
using Verdict = ServerAnswer::Verdict;

Json milliseconds(std::optional<Duration> duration) {
  return duration ? Json(to_milliseconds(*duration)) : Json(nullptr);
}
Json text(std::optional<Dependence> dependence) {
  return dependence ? Json(to_string(*dependence)) : Json(nullptr);
}
template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// The one that most packets leave by: of the default route, IPv4 first.
const LocalReport* main_local(const Findings& findings) {
  const LocalReport* best = nullptr;
  const auto rank = [](const LocalReport& local) {
    return (local.has_default_route ? 4 : 0) + (local.nat.udp == true ? 2 : 0) +
           (local.local.address.is_v4() ? 1 : 0);
  };
  for (const LocalReport& local : findings.locals) {
    if (!best || rank(local) > rank(*best)) best = &local;
  }
  return best;
}

Json family_report(const Findings& findings, net::Family family) {
  bool has_address = false;
  std::optional<bool> udp;
  for (const LocalReport& local : findings.locals) {
    if (local.local.address.family() != family) continue;
    has_address = true;
    if (local.nat.udp) udp = udp.value_or(false) || *local.nat.udp;
  }
  return {{"address", has_address}, {"udp", or_null(udp)}};
}

Json server_json(const ServerAnswer& answer) {
  return {{"server", answer.server.to_string()},
          {"rtt_ms", milliseconds(answer.rtt)},
          {"mapped", answer.mapped ? Json(answer.mapped->to_string()) : Json(nullptr)},
          {"verdict", to_string(answer.verdict)},
          {"note", answer.note}};
}

Json nat_json(const NatReport& nat) {
  Json mapping_by = nullptr;
  if (nat.mapping)
    mapping_by = nat.nat == false ? "no NAT" : nat.mapping_is_compared ? "comparison" : "RFC 5780";
  return {{"udp", or_null(nat.udp)},          {"nat", or_null(nat.nat)},
          {"mapping", text(nat.mapping)},     {"mapping_by", std::move(mapping_by)},
          {"filtering", text(nat.filtering)}, {"hairpin", or_null(nat.hairpin)},
          {"mapping_lifetime_s", nullptr}};
}

Json local_json(const LocalReport& local) {
  Json json = nat_json(local.nat);
  Json mapped = Json::array(), servers = Json::array();
  for (const net::Endpoint& address : local.nat.mapped)
    mapped.push_back(address.to_string());
  for (const ServerAnswer& answer : local.nat.servers)
    servers.push_back(server_json(answer));
  json["interface"] = local.interface;
  json["local"] = local.local.address.to_string();
  json["family"] = local.local.address.is_v4() ? "ipv4" : "ipv6";
  json["default_route"] = local.has_default_route;
  json["failure"] = local.failure;
  json["mapped"] = std::move(mapped);
  json["servers"] = std::move(servers);
  return json;
}

}  // namespace

std::optional<net::Endpoint> binding_address(std::string_view turn_uri) {
  constexpr std::string_view kScheme = "turn:";
  if (!turn_uri.starts_with(kScheme)) return std::nullopt;
  turn_uri.remove_prefix(kScheme.size());
  const auto query = turn_uri.find('?');
  if (query != std::string_view::npos && turn_uri.substr(query) != "?transport=udp") return std::nullopt;
  const std::string address(turn_uri.substr(0, query));
  if (const auto with_port = net::Endpoint::parse(address)) return with_port;
  return net::Endpoint::parse(address + ":3478");  // RFC 7065: the default
}

void attribute_relays(Findings& findings) {
  for (LocalReport& local : findings.locals) {
    std::erase_if(local.nat.servers, [&](const ServerAnswer& answer) {
      if (std::find(findings.turn_servers.begin(), findings.turn_servers.end(), answer.server) ==
          findings.turn_servers.end())
        return false;
      for (RelayReport& relay : findings.relays) {
        if (relay.relayed.address != answer.server.address || !answer.rtt) continue;
        relay.rtt = std::min(relay.rtt.value_or(*answer.rtt), *answer.rtt);
      }
      return true;
    });
  }
}

std::optional<bool> is_udp_blocked(const Findings& findings) {
  std::optional<bool> blocked;
  for (const LocalReport& local : findings.locals) {
    if (local.nat.udp) blocked = blocked.value_or(true) && !*local.nat.udp;
  }
  return blocked;
}

std::string summary(const Findings& findings) {
  const LocalReport* local = main_local(findings);
  if (!local) return "this machine has no address that peers could reach";
  const auto blocked = is_udp_blocked(findings);
  if (blocked == true)
    return "UDP does not pass: peers are reached through a relay over TCP or TLS, if there is one";
  if (!blocked) return "nothing is known of this network: no STUN server could be asked";
  const NatReport& nat = local->nat;
  if (nat.nat == false) {
    return nat.filtering && nat.filtering != Dependence::endpoint_independent
               ? "no NAT, but a firewall that lets answers in only: direct paths to all networks but some "
                 "symmetric NATs"
               : "no NAT: direct paths to every network that lets UDP pass";
  }
  if (!nat.mapping) return "behind a NAT of unknown kind: direct paths to most networks";
  if (nat.mapping == Dependence::endpoint_independent)
    return "behind a NAT that keeps its mappings: direct paths to all but symmetric NATs with strict filters";
  return "behind a symmetric NAT: direct paths only to networks that are open or keep their mappings and "
         "filter "
         "by address at most; others need a relay or a port forwarding";
}

std::vector<std::string> problems(const Findings& findings) {
  std::vector<std::string> list;
  const auto say = [&](std::string_view sentence) { list.emplace_back(sentence); };
  if (findings.locals.empty())
    say("no local address is in use: bring a network up, or see `causeway candidates` for why each is "
        "ignored");
  const auto blocked = is_udp_blocked(findings);
  if (blocked == true) {
    say(findings.server.rtt
            ? "UDP seems to be blocked: no STUN server answers, while TCP passes. Peers need a relay over "
              "TCP or TLS, or a firewall that lets UDP out"
            : "nothing answers, neither by UDP nor by TCP: is this machine connected at all?");
  }
  if (findings.stun_servers == 0) {
    say("no STUN server is known: join a network whose server names one, or set \"stun_servers\" in the "
        "configuration");
  }
  const ServerReport& server = findings.server;
  if (server.address.empty()) {
    say("no network was joined: `causeway join TOKEN`");
  } else if (!server.failure.empty()) {
    say(fmt::format("the address server {} cannot be reached: {}. Tunnels stay; new peers have to wait",
                    server.address, server.failure));
  } else if (server.state != "online") {
    say(fmt::format("the address server {} can be reached, and this node is not registered: {}",
                    server.address, server.reason.empty() ? "it left" : server.reason));
  }
  for (const LocalReport& local : findings.locals) {
    const std::string where = fmt::format("{} ({})", local.interface, local.local.address.to_string());
    if (!local.failure.empty()) say(fmt::format("{}: {}", where, local.failure));
    for (const ServerAnswer& answer : local.nat.servers) {
      // Said once already, for all of them.
      if (answer.note.empty() ||
          (answer.verdict == Verdict::silent && local.nat.udp == false && blocked == true))
        continue;
      say(fmt::format("{}: STUN server {}: {}", where, answer.server.to_string(), answer.note));
    }
  }
  return list;
}

Json to_json(const Findings& findings) {
  Json locals = Json::array(), relays = Json::array();
  for (const LocalReport& local : findings.locals)
    locals.push_back(local_json(local));
  for (const RelayReport& relay : findings.relays) {
    relays.push_back({{"address", relay.relayed.to_string()},
                      {"base", relay.base.to_string()},
                      {"source", relay.source},
                      {"transport", relay.transport},
                      {"rtt_ms", milliseconds(relay.rtt)}});
  }
  const ServerReport& server = findings.server;
  Json server_json = nullptr;
  if (!server.address.empty()) {
    server_json = {{"address", server.address},
                   {"state", server.state},
                   {"reason", server.reason},
                   {"rtt_ms", milliseconds(server.rtt)},
                   {"failure", server.failure}};
  }
  const LocalReport* local = main_local(findings);
  return {{"summary", summary(findings)},
          {"udp_blocked", or_null(is_udp_blocked(findings))},
          {"ipv4", family_report(findings, net::Family::ipv4)},
          {"ipv6", family_report(findings, net::Family::ipv6)},
          {"nat", local ? nat_json(local->nat) : Json(nullptr)},
          {"interfaces", std::move(locals)},
          {"server", std::move(server_json)},
          {"relays", std::move(relays)},
          {"port_mapping", nullptr},
          {"problems", problems(findings)},
          {"seconds", std::chrono::duration<double>(findings.took).count()}};
}

}  // namespace causeway::netcheck
