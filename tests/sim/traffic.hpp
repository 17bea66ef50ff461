#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "net/endpoint.hpp"

namespace causeway::sim {

class World;

/// What the applications of all nodes say to each other, and the rules about what arrives: at the right node,
/// from the node that sent it, unchanged, and once.
class Traffic {
 public:
  explicit Traffic(World& world) : world_(world) {}

  /// `from` writes one packet to the address that `to` has, or had last; `forged` with the source address of
  /// a third, which must never arrive. Nothing happens while either has none.
  void send(std::size_t from, std::size_t to, std::size_t payload_bytes,
            std::optional<net::IpAddress> forged = std::nullopt);
  /// Looks at everything that arrived since the last call; breaches go to the world.
  void collect();

  /// When the newest packet of this direction arrived that was sent at or after `since`.
  bool has_arrived(std::size_t from, std::size_t to, SteadyTime since) const;
  std::uint64_t sent() const { return packets_.size(); }
  std::uint64_t received() const { return received_; }

 private:
  struct Sent {
    std::size_t from, to;
    SteadyTime when;
    net::IpAddress source, destination;
    Bytes packet;
    bool is_forged = false;
    bool has_arrived = false;
  };
  void examine(std::size_t at, const Bytes& packet);
  /// Why this packet must not have come to this node; empty: it may.
  std::string objection(std::size_t at, const Sent& sent) const;

  World& world_;
  std::map<std::uint32_t, Sent> packets_;
  std::map<std::size_t, net::IpAddress> last_address_;
  std::map<std::pair<std::size_t, std::size_t>, SteadyTime>
      newest_;  ///< by direction: sending time of what arrived
  std::uint64_t received_ = 0;
};

}  // namespace causeway::sim
