#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "packet/ip_view.hpp"
#include "tun/tun_device.hpp"

namespace causeway::packet {

/// Cuts one frame read from the TUN into the packets that go on the wire: a TSO or USO super-packet into its
/// segments, any other frame into itself. Nothing is copied but headers: segment i's header is written into
/// the frame just in front of its payload, over the tail of segment i-1. So each segment must be used up
/// before the next is asked for.
class Segmenter {
 public:
  /// nullopt when the header that the kernel gave does not fit the packet. Borrows `packet`, which `view`
  /// describes.
  static std::optional<Segmenter> make(const tun::VnetHeader& header, MutableByteView packet,
                                       const IpView& view);

  std::size_t segments() const { return segments_; }
  bool is_done() const { return at_ == segments_; }
  /// The next packet, with finished checksums; valid until the next call.
  MutableByteView next();

  /// True when the kernel left a TCP or UDP checksum at its usual place to be computed, so that next_l4() may
  /// leave it to the receiver.
  bool is_checksum_partial() const { return is_partial_; }
  std::size_t ip_header_bytes() const { return ip_header_bytes_; }
  /// What next_l4() will be long; only if not done.
  std::size_t next_l4_bytes() const {
    if (kind_ == Kind::single) return packet_.size() - ip_header_bytes_;
    const std::size_t rest = packet_.size() - header_bytes_ - at_ * segment_payload_;
    return header_bytes_ - ip_header_bytes_ + (rest < segment_payload_ ? rest : segment_payload_);
  }
  /// The IPv4 ID of the packet that comes next.
  std::uint16_t next_id() const {
    return is_v4_ ? static_cast<std::uint16_t>(first_id_ + at_) : std::uint16_t{0};
  }
  /// The next packet without its IP header, whose place in front of it may be written to. The checksum is
  /// zero if is_checksum_partial(). To be mixed with next() at will.
  MutableByteView next_l4();

 private:
  enum class Kind : std::uint8_t { single, tcp, udp };
  static constexpr std::size_t kMostHeaderBytes = 128;

  Segmenter(MutableByteView packet, const IpView& view);
  bool prepare_checksum(const tun::VnetHeader& header, const IpView& view);
  bool prepare_split(const tun::VnetHeader& header, const IpView& view);
  void write_ip_header(std::uint8_t* to, std::size_t total_bytes) const;
  std::uint8_t* place_next(std::size_t* total_bytes);
  void write_l4_header(std::uint8_t* l4, std::size_t l4_bytes) const;
  void write_l4_checksum(std::uint8_t* ip, std::size_t total_bytes) const;

  MutableByteView packet_;
  bool is_v4_;
  bool is_partial_ = false;
  bool is_unfinished_ = false;  ///< of a frame that is not cut: its checksum is yet to be completed
  std::uint16_t checksum_start_ = 0, checksum_offset_ = 0;
  std::uint16_t first_id_ = 0;
  std::size_t ip_header_bytes_ = 0;  ///< of the IP header alone, without IPv6 extension headers
  Kind kind_ = Kind::single;
  std::size_t segments_ = 1;
  std::size_t at_ = 0;
  std::size_t ip_bytes_ = 0;      ///< up to the L4 header
  std::size_t header_bytes_ = 0;  ///< up to the payload
  std::size_t segment_payload_ = 0;
  std::array<std::uint8_t, kMostHeaderBytes>
      header_;  ///< as it was read: the frame's own is soon overwritten
};

}  // namespace causeway::packet
