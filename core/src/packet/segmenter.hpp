#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "packet/ip_view.hpp"
#include "tun/tun_device.hpp"

namespace causeway::packet {

/// Cuts one frame read from the TUN into the packets that go on the wire, with finished checksums: a TSO or
/// USO super-packet into its segments, any other frame into itself. Nothing is copied but headers: segment
/// i's header is written into the frame just in front of its payload, over the tail of segment i-1. So each
/// segment must be used up before the next is asked for.
class Segmenter {
 public:
  /// nullopt when the header that the kernel gave does not fit the packet. Borrows `packet`, which `view`
  /// describes.
  static std::optional<Segmenter> make(const tun::VnetHeader& header, MutableByteView packet,
                                       const IpView& view);

  std::size_t segments() const { return segments_; }
  bool is_done() const { return at_ == segments_; }
  /// The next packet, valid until the next call.
  MutableByteView next();

 private:
  enum class Kind : std::uint8_t { single, tcp, udp };
  static constexpr std::size_t kMostHeaderBytes = 128;

  Segmenter(MutableByteView packet, const IpView& view) : packet_(packet), is_v4_(view.is_v4) {}
  bool prepare_split(const tun::VnetHeader& header, const IpView& view);
  void write_ip_header(std::uint8_t* to, std::size_t total_bytes) const;
  void write_tcp_header(std::uint8_t* l4) const;
  void write_l4_checksum(std::uint8_t* ip, std::size_t total_bytes) const;

  MutableByteView packet_;
  bool is_v4_;
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
