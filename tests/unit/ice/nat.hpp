#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "net/endpoint.hpp"

namespace causeway::ice {

/// RFC 4787 §4.1 and §5.
enum class Dependence { endpoint_independent, address_dependent, address_and_port_dependent };

inline std::string to_string(Dependence dependence) {
  switch (dependence) {
    case Dependence::endpoint_independent:
      return "EI";
    case Dependence::address_dependent:
      return "AD";
    case Dependence::address_and_port_dependent:
      break;
  }
  return "APD";
}

struct NatBehaviour {
  Dependence mapping = Dependence::endpoint_independent;
  Dependence filtering = Dependence::endpoint_independent;

  std::string to_string() const { return ice::to_string(mapping) + "/" + ice::to_string(filtering); }
};

/// A NAT with one public address and no hairpinning. Mappings live for ever.
class Nat {
 public:
  Nat(net::IpAddress public_address, NatBehaviour behaviour)
      : public_address_(public_address), behaviour_(behaviour) {}

  const net::IpAddress& public_address() const { return public_address_; }

  net::Endpoint translate_out(const net::Endpoint& from, const net::Endpoint& to) {
    const auto key = std::pair(from, as_seen(behaviour_.mapping, to));
    auto found = mappings_.find(key);
    if (found == mappings_.end()) {
      found = mappings_.emplace(key, next_port_++).first;
      inside_[found->second] = from;
    }
    allowed_[found->second].insert(as_seen(behaviour_.filtering, to));
    return {public_address_, found->second};
  }

  /// Where a packet from outside goes; nullopt if it is filtered.
  std::optional<net::Endpoint> translate_in(const net::Endpoint& from, std::uint16_t port) const {
    const auto found = inside_.find(port);
    if (found == inside_.end()) return std::nullopt;
    if (!allowed_.at(port).contains(as_seen(behaviour_.filtering, from))) return std::nullopt;
    return found->second;
  }

  /// The router was restarted: new ports from here on.
  void forget() {
    mappings_.clear();
    inside_.clear();
    allowed_.clear();
  }

 private:
  static net::Endpoint as_seen(Dependence dependence, const net::Endpoint& remote) {
    switch (dependence) {
      case Dependence::endpoint_independent:
        return {};
      case Dependence::address_dependent:
        return {remote.address, 0};
      case Dependence::address_and_port_dependent:
        break;
    }
    return remote;
  }

  net::IpAddress public_address_;
  NatBehaviour behaviour_;
  std::map<std::pair<net::Endpoint, net::Endpoint>, std::uint16_t> mappings_;
  std::map<std::uint16_t, net::Endpoint> inside_;
  std::map<std::uint16_t, std::set<net::Endpoint>> allowed_;
  std::uint16_t next_port_ = 20000;
};

}  // namespace causeway::ice
