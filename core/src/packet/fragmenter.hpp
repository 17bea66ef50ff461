#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "packet/ip_view.hpp"

namespace causeway::packet {

/// Cuts an IPv4 packet without DF into fragments of at most `most_bytes` (RFC 791 §3.2). Like the Segmenter
/// it writes each header in front of its payload, over what was used up before: use each fragment before
/// asking for the next.
class Fragmenter {
 public:
  /// nullopt for packets that may not be cut (IPv6, DF) or when not even 8 bytes fit behind a header. Borrows
  /// `packet`, which `view` describes and whose checksums are finished.
  static std::optional<Fragmenter> make(MutableByteView packet, const IpView& view, std::size_t most_bytes);

  bool is_done() const { return begin_ == payload_bytes_; }
  MutableByteView next();

 private:
  Fragmenter() = default;
  void forget_options_not_copied();

  MutableByteView packet_;
  std::size_t header_bytes_ = 0;
  std::size_t payload_bytes_ = 0;
  std::size_t piece_bytes_ = 0;  ///< payload of each fragment but the last, a multiple of 8
  std::size_t begin_ = 0;
  std::uint16_t flags_and_offset_ = 0;  ///< of the packet: it may be a fragment itself
  std::array<std::uint8_t, 60> header_{};
};

}  // namespace causeway::packet
