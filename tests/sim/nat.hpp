#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "net/endpoint.hpp"

namespace causeway::sim {

/// Where addresses mean the same: the Internet, or one LAN.
enum class Realm : std::uint32_t { internet = 0 };

/// RFC 4787 §4.1 and §5.
enum class Behaviour : std::uint8_t { endpoint_independent, address_dependent, address_and_port_dependent };
/// "EI", "AD", "APD".
std::string_view to_string(Behaviour behaviour);

/// A NAT of one outside address.
class Nat {
 public:
  struct Options {
    Behaviour mapping = Behaviour::endpoint_independent;
    Behaviour filtering = Behaviour::address_and_port_dependent;
    bool hairpins = false;                      ///< RFC 4787 §6
    Duration lifetime = std::chrono::hours(9);  ///< of a mapping without outbound packets, §4.3
  };
  Nat(Realm inside, Realm beyond, net::IpAddress outside, Options options)
      : inside_(inside), beyond_(beyond), outside_(outside), options_(options) {}

  Realm inside() const { return inside_; }
  /// The realm of its outside address.
  Realm beyond() const { return beyond_; }
  const net::IpAddress& outside() const { return outside_; }
  const Options& options() const { return options_; }

  /// A datagram leaves: which outside endpoint it comes from.
  net::Endpoint translate_out(const net::Endpoint& inside, const net::Endpoint& to, SteadyTime now);
  /// A datagram arrives at an outside port: who inside gets it; nullopt if it is filtered.
  std::optional<net::Endpoint> translate_in(std::uint16_t port, const net::Endpoint& from,
                                            SteadyTime now) const;
  /// Forgets all mappings, as after a reboot.
  void reset();
  std::size_t mappings() const { return mappings_.size(); }

 private:
  /// An inside endpoint, and what of the remote the mapping depends on.
  using Key = std::pair<net::Endpoint, net::Endpoint>;
  struct Mapping {
    Key key;
    SteadyTime expires;
    std::set<net::Endpoint> contacted;
  };

  Realm inside_;
  Realm beyond_;
  net::IpAddress outside_;
  Options options_;
  std::uint16_t next_port_ = 20000;
  std::map<Key, std::uint16_t> ports_;
  std::map<std::uint16_t, Mapping> mappings_;
};

}  // namespace causeway::sim
