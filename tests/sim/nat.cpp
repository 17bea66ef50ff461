#include "tests/sim/nat.hpp"

namespace causeway::sim {
namespace {

/// What of `remote` a rule of this behaviour looks at.
net::Endpoint relevant(Behaviour behaviour, const net::Endpoint& remote) {
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

}  // namespace

std::string_view to_string(Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::endpoint_independent:
      return "EI";
    case Behaviour::address_dependent:
      return "AD";
    case Behaviour::address_and_port_dependent:
      break;
  }
  return "APD";
}

net::Endpoint Nat::translate_out(const net::Endpoint& inside, const net::Endpoint& to, SteadyTime now) {
  const Key key{inside, relevant(options_.mapping, to)};
  auto known = ports_.find(key);
  if (known != ports_.end() && mappings_.at(known->second).expires <= now) {
    mappings_.erase(known->second);
    ports_.erase(known);
    known = ports_.end();
  }
  if (known == ports_.end()) {
    // Ports are not used again, so that a stale address reaches nobody instead of somebody else.
    known = ports_.emplace(key, next_port_++).first;
    mappings_[known->second].key = key;
  }
  Mapping& mapping = mappings_.at(known->second);
  mapping.expires = now + options_.lifetime;
  mapping.contacted.insert(relevant(options_.filtering, to));
  return {outside_, known->second};
}

std::optional<net::Endpoint> Nat::translate_in(std::uint16_t port, const net::Endpoint& from,
                                               SteadyTime now) const {
  const auto at = mappings_.find(port);
  if (at == mappings_.end() || at->second.expires <= now) return std::nullopt;
  if (!at->second.contacted.contains(relevant(options_.filtering, from))) return std::nullopt;
  return at->second.key.first;
}

void Nat::reset() {
  ports_.clear();
  mappings_.clear();
}

}  // namespace causeway::sim
