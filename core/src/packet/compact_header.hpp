#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "packet/ip_view.hpp"

/// What takes the place of an IP header inside a compact message: one byte, and more only where a field is
/// unusual.
///
///     bits 7-6  kind: 0 IPv4 left out, 1 IPv6 left out, 2 whole packet, 3 one of two pieces
///     whole     bits 5-0 zero; the packet follows. 0x81 is no packet but a path message
///     piece     bits 5-1 zero, bit 0: 0 the first, 1 the second; half of what would else have stood here
///     (the
///               second is sealed under the packet number after the first's)
///     left out  bits 5-4 protocol: 0 TCP, 1 UDP, 2 ICMP of the family, 3 other
///               bit 3    IPv4: DF (IPv6: zero)
///               bit 2    the L4 checksum field is to be filled in by the receiver
///               bit 1    the TTL is not 64
///               bit 0    the TOS is not 0
///               then, each only if the bits say so: protocol, TTL, TOS; IPv4 without DF: its ID (2 bytes);
///               IPv6 always: the flow label in 3 bytes, the upper 4 bits zero
///
/// Addresses are the two of the session, the length is the datagram's, the header checksum is computed, and
/// the ID of an atomic datagram carries no meaning (RFC 6864 §4.1). Pure functions.
namespace causeway::packet {

enum class CompactKind : std::uint8_t { ipv4 = 0, ipv6 = 1, whole = 2, piece = 3 };

inline constexpr std::uint8_t kCompactWhole = 0x80;
/// No packet but a message between the two control threads (core/src/path/path_message.hpp).
inline constexpr std::uint8_t kCompactPathMessage = 0x81;
inline constexpr std::uint8_t kCompactFirstPiece = 0xc0;
inline constexpr std::uint8_t kCompactSecondPiece = 0xc1;
/// The longest replacement of a header.
inline constexpr std::size_t kMostCompactHeaderBytes = 7;

/// The virtual addresses that a session implies, ready to compare with and to copy from.
class ImpliedAddresses {
 public:
  ImpliedAddresses() = default;
  /// `local` and `remote` are of one family; the other family's pair stays as it was.
  void set(const net::IpAddress& local, const net::IpAddress& remote);

  /// Whether a packet from here goes between the session's two addresses.
  bool match_outgoing(const IpView& view) const {
    const Pair& pair = view.is_v4 ? v4_ : v6_;
    return pair.is_set && view.source == pair.local && view.destination == pair.remote;
  }
  struct Pair {
    bool is_set = false;
    AddressKey local, remote;
  };
  const Pair& v4() const { return v4_; }
  const Pair& v6() const { return v6_; }
  /// A header from `remote` to `local` with DF, TTL 64 and everything else zero; only if v4().is_set.
  const std::array<std::uint8_t, kIpv4HeaderBytes>& incoming_v4() const { return incoming_v4_; }
  /// Hop limit 64; only if v6().is_set.
  const std::array<std::uint8_t, kIpv6HeaderBytes>& incoming_v6() const { return incoming_v6_; }

 private:
  Pair v4_, v6_;
  std::array<std::uint8_t, kIpv4HeaderBytes> incoming_v4_{};
  std::array<std::uint8_t, kIpv6HeaderBytes> incoming_v6_{};
};

/// The replacement of one packet's header, to be written just in front of its L4 part.
struct CompactHeader {
  std::array<std::uint8_t, kMostCompactHeaderBytes + 1> bytes;
  std::uint8_t size = 0;
  bool has_id = false;  ///< the last two bytes are an IPv4 ID

  /// nullopt when the packet travels whole: IPv4 options, fragments, addresses that the session does not
  /// imply. `checksum_is_partial`: the L4 checksum is left to the receiver (TCP and UDP only).
  static std::optional<CompactHeader> of(const IpView& view, const ImpliedAddresses& addresses,
                                         bool checksum_is_partial);
  /// Writes it so that it ends at `l4`; returns where it begins.
  std::uint8_t* write_before(std::uint8_t* l4) const {
    std::uint8_t* at = l4 - size;
    for (std::size_t i = 0; i < size; ++i)
      at[i] = bytes[i];
    return at;
  }
  /// For segment `index` of a packet that is cut: its ID counts up.
  void set_id(std::uint16_t id);
};

/// What the beginning of an opened compact message says.
struct CompactForm {
  CompactKind kind = CompactKind::whole;
  std::uint8_t size = 0;         ///< where the rest begins
  bool is_second_piece = false;  ///< of a piece
  bool checksum_is_partial = false;
  bool dont_fragment = false;
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t id = 0;
  std::uint32_t flow_label = 0;

  bool leaves_header_out() const { return kind == CompactKind::ipv4 || kind == CompactKind::ipv6; }
  std::size_t ip_bytes() const { return kind == CompactKind::ipv4 ? kIpv4HeaderBytes : kIpv6HeaderBytes; }

  /// nullopt for what no sender makes: reserved bits, a partial checksum of a protocol that has none, bytes
  /// missing.
  static std::optional<CompactForm> parse(ByteView plaintext);
  /// Writes the header that stands in front of `l4_bytes`; false when the session implies no address of that
  /// family or the packet would be too long for IP. `header` has ip_bytes().
  bool rebuild(const ImpliedAddresses& addresses, std::size_t l4_bytes, std::uint8_t* header) const;
};

}  // namespace causeway::packet
