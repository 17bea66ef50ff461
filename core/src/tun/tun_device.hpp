#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace causeway::tun {

/// The kernel's struct virtio_net_hdr (10 bytes, host byte order), which stands before every frame of a TUN
/// opened with IFF_VNET_HDR.
struct VnetHeader {
  std::uint8_t flags = 0;     ///< 1: NEEDS_CSUM, 2: DATA_VALID
  std::uint8_t gso_type = 0;  ///< 0 none, 1 TCPV4, 4 TCPV6, 5 UDP_L4; 0x80 is the ECN bit
  std::uint16_t header_bytes = 0;
  std::uint16_t gso_bytes = 0;  ///< payload bytes of each segment
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

/// Which offloads the kernel accepted; each may be missing and has a fallback.
struct TunOffloads {
  bool checksum = false;
  bool tso = false;
  bool uso = false;
};

inline constexpr std::size_t kMaxFrameBytes = 65536;

/// One queue of the virtual NIC. Non-blocking. Used by one data loop.
class TunDevice {
 public:
  virtual ~TunDevice() = default;

  struct ReadResult {
    enum class Status : std::uint8_t { frame, empty, closed } status = Status::empty;
    VnetHeader header;
    std::size_t bytes = 0;  ///< of the IP packet, which stands at the start of the buffer
  };
  /// One frame: an IP packet, or a TSO/USO super-packet of up to 65,535 bytes. `buffer` holds kMaxFrameBytes.
  virtual ReadResult read(MutableByteView buffer) noexcept = 0;
  /// Writes one frame whole. 0, or the errno: EIO while the device is down, EINVAL for a bad header.
  virtual int write(const VnetHeader& header, ByteView packet) noexcept = 0;
  /// To wait for readability; -1 for a fake.
  virtual int descriptor() const = 0;
  virtual TunOffloads offloads() const = 0;
  virtual const std::string& name() const = 0;
};

}  // namespace causeway::tun
