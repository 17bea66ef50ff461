#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "net/endpoint.hpp"

/// What the control threads of two nodes that announce `path-1` say to each other inside their session, in
/// compact messages. Integers are big-endian.
///
///     byte 0    0x81 (packet::kCompactPathMessage)
///     byte 1    kind: 1 probe, 2 answer, 3 order; others are passed over
///     probe     8 bytes id; the rest is padding: the datagram is as long as what it is to prove
///     answer    8 bytes id of the probe, 2 bytes length of its plaintext as it arrived
///     order     4 bytes number (grows, wraps), 1 byte count <= 16, then as many pairs, best first:
///               1 byte flags (bit 0: IPv6, bit 1: vetoed), then the sender's local and remote transport
///               address, each 4 or 16 bytes and a port
///
/// A probe is answered where it came from, by the base that it came to, and never with more than it had.
namespace causeway::path {

inline constexpr std::size_t kLeastProbeBytes = 12;  ///< of plaintext: not less than its answer has
inline constexpr std::size_t kMostOrderedPairs = 16;

struct Probe {
  std::uint64_t id = 0;
  friend bool operator==(const Probe&, const Probe&) = default;
};
struct ProbeAnswer {
  std::uint64_t id = 0;
  std::uint16_t plaintext_bytes = 0;
  friend bool operator==(const ProbeAnswer&, const ProbeAnswer&) = default;
};
/// One pair as the sender of an order names it; at the other end local and remote are exchanged.
struct OrderedPair {
  net::Endpoint local, remote;
  bool vetoed = false;  ///< not to be used: a veto of its priority stack, or data is lost on it
  friend bool operator==(const OrderedPair&, const OrderedPair&) = default;
};
struct Order {
  std::uint32_t number = 0;
  std::vector<OrderedPair> pairs;
  friend bool operator==(const Order&, const Order&) = default;
};
using PathMessage = std::variant<Probe, ProbeAnswer, Order>;

/// `plaintext_bytes` >= kLeastProbeBytes.
Bytes encode(const Probe& probe, std::size_t plaintext_bytes);
Bytes encode(const ProbeAnswer& answer);
/// At most kMostOrderedPairs, each of one family.
Bytes encode(const Order& order);

/// nullopt for anything else than a well-formed message of a known kind. `beginning` may lack the padding of
/// a probe.
std::optional<PathMessage> parse_path_message(ByteView beginning);

/// Plaintext of a compact message that makes a datagram of `ip_bytes`, UDP and IP headers included; and the
/// other way round.
std::size_t plaintext_for(std::size_t ip_bytes, const net::Endpoint& remote);
std::size_t ip_bytes_of(std::size_t plaintext_bytes, const net::Endpoint& remote);

}  // namespace causeway::path
