#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "packet/ip_view.hpp"

namespace causeway::packet {

/// A running one's complement sum (RFC 1071). Every piece but the last has an even number of bytes.
class ChecksumSum {
 public:
  void add(ByteView bytes);
  void add_word(std::uint16_t value);
  /// Source, destination, protocol and L4 length, as TCP and UDP cover them (RFC 9293 §3.1, RFC 8200 §8.1).
  void add_pseudo_header(const std::uint8_t* ip_header, bool is_v4, std::uint8_t protocol,
                         std::uint32_t l4_bytes);
  /// The sum itself: what stands in a checksum field that is yet to be completed.
  std::uint16_t partial() const;
  /// Its complement: what stands in a finished checksum field.
  std::uint16_t finished() const { return static_cast<std::uint16_t>(~partial()); }

 private:
  std::uint64_t sum_ = 0;  // of native 16-bit words: the order of bytes within does not matter until the end
};

std::uint16_t checksum(ByteView bytes);

/// RFC 1624 equation 3: the checksum after one covered 16-bit word changed.
std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t old_word, std::uint16_t new_word);

/// Writes the IPv4 header checksum of a header of `header_bytes`.
void write_ipv4_checksum(std::uint8_t* header, std::size_t header_bytes);

/// The same for a header without options, which is nearly every one.
void write_plain_ipv4_checksum(std::uint8_t* header);

/// True when the TCP or UDP checksum of an unfragmented packet is right. A UDP checksum of 0 (none) is not.
bool is_l4_checksum_right(const IpView& packet);

/// Completes a checksum that the kernel left to the NIC: the field holds the pseudo-header's sum, and
/// everything from `start` is to be added. False, and nothing written, when the field is not inside the
/// packet.
bool complete_checksum(MutableByteView packet, std::size_t start, std::size_t offset);

}  // namespace causeway::packet
