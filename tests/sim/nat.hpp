#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "net/endpoint.hpp"

namespace causeway::sim {

/// RFC 4787 §4.1 and §5.
enum class Behaviour : std::uint8_t { endpoint_independent, address_dependent, address_and_port_dependent };

/// A NAT of one public address. No timeouts, no hairpinning.
class Nat {
 public:
  Nat(net::IpAddress outside, Behaviour mapping, Behaviour filtering)
      : outside_(outside), mapping_(mapping), filtering_(filtering) {}

  const net::IpAddress& outside() const { return outside_; }

  /// A datagram leaves: which public endpoint it comes from.
  net::Endpoint translate_out(const net::Endpoint& inside, const net::Endpoint& to) {
    const auto [at, is_new] = ports_.try_emplace(Key{inside, restrict(mapping_, to)}, next_port_);
    if (is_new) {
      insides_[next_port_] = inside;
      ++next_port_;
    }
    contacted_[at->second].insert(restrict(filtering_, to));
    return {outside_, at->second};
  }

  /// A datagram arrives at a public port: who inside gets it; nullopt if it is filtered.
  std::optional<net::Endpoint> translate_in(std::uint16_t port, const net::Endpoint& from) const {
    const auto inside = insides_.find(port);
    const auto contacted = contacted_.find(port);
    if (inside == insides_.end() || contacted == contacted_.end()) return std::nullopt;
    if (!contacted->second.contains(restrict(filtering_, from))) return std::nullopt;
    return inside->second;
  }

  /// Forgets all mappings, as after a reboot.
  void reset() {
    ports_.clear();
    insides_.clear();
    contacted_.clear();
  }

 private:
  using Key = std::tuple<net::Endpoint, net::Endpoint>;
  /// What of `remote` a rule of this behaviour looks at.
  static net::Endpoint restrict(Behaviour behaviour, const net::Endpoint& remote) {
    switch (behaviour) {
      case Behaviour::endpoint_independent:
        return {};
      case Behaviour::address_dependent:
        return {remote.address, 0};
      case Behaviour::address_and_port_dependent:
        break;
    }
    return remote;
  }

  net::IpAddress outside_;
  Behaviour mapping_;
  Behaviour filtering_;
  std::uint16_t next_port_ = 20000;
  std::map<Key, std::uint16_t> ports_;
  std::map<std::uint16_t, net::Endpoint> insides_;
  std::map<std::uint16_t, std::set<net::Endpoint>> contacted_;
};

}  // namespace causeway::sim
