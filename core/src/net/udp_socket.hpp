#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/endpoint.hpp"
#include "net/file_descriptor.hpp"

namespace causeway::net {

struct UdpSocketOptions {
  IpAddress address;              ///< the local address it is bound to
  std::uint16_t port = 0;         ///< the wished port; 0: any
  bool port_is_required = false;  ///< false: when the wish is taken, any other port will do
  std::string device{};           ///< the NIC that owns `address`; empty: as the routes say
  bool reuse_port = false;        ///< several sockets (one per data loop) share this address and port
  std::uint32_t mark = 0;         ///< SO_MARK for policy routing; 0: none
  int buffer_bytes = 4 << 20;     ///< each way; one received super-packet is charged with about 70 KB
  bool use_gso = true;            ///< false: every datagram by its own, as on a kernel without UDP_SEGMENT
  bool use_gro = true;
};

/// One unconnected UDP socket of one local address, bound to its NIC. It never lets the kernel fragment: a
/// datagram larger than the route's MTU is refused with EMSGSIZE instead. Non-blocking. send() from any
/// thread, the rest from one.
class UdpSocket {
 public:
  static Result<UdpSocket> open(const UdpSocketOptions& options);
  /// `count` >= 1 sockets of one port, which the kernel takes for a reuse-port group in this order. A port
  /// that somebody else has counts as taken, even if he allows it to be shared.
  static Result<std::vector<UdpSocket>> open_group(UdpSocketOptions options, unsigned count);
  UdpSocket(UdpSocket&& other) noexcept;

  struct SendResult {
    int error = 0;                    ///< errno of the first datagram that did not leave
    std::uint32_t segments_sent = 0;  ///< datagrams that left before it
  };
  /// Datagrams to one destination, back to back, all `segment_bytes` long, only the last shorter. Any number:
  /// more than one UDP_SEGMENT message holds are sent in several.
  /// `ecn`: the two ECN bits that their IP headers get (RFC 6040).
  SendResult send(const Endpoint& to, ByteView bytes, std::size_t segment_bytes,
                  std::uint8_t ecn = 0) noexcept;

  /// From here on only `peer` is heard, and send_gathered() goes there. Once.
  Result<void> connect(const Endpoint& peer);
  /// To the connected peer, a datagram of each piece: all as long as the first, only the last may be shorter.
  SendResult send_gathered(std::span<const ByteView> datagrams, std::uint8_t ecn = 0) noexcept;

  struct Received {
    int error = 0;  ///< EAGAIN: nothing there
    Endpoint from;
    std::size_t bytes = 0;
    std::uint8_t ecn = 0;           ///< of all their IP headers
    std::size_t segment_bytes = 0;  ///< datagrams in `bytes` are this long, only the last may be shorter
  };
  /// One datagram, or several of one sender (UDP_GRO). `buffer` holds kReceiveBytes.
  Received receive(MutableByteView buffer) noexcept;

  /// Of a connected socket: how often the peer's machine said that nobody listens there.
  std::uint32_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

  int descriptor() const { return descriptor_.get(); }
  const Endpoint& local() const { return local_; }
  bool uses_gso() const { return gso_.load(std::memory_order_relaxed); }
  bool uses_gro() const { return gro_; }

  static constexpr std::size_t kReceiveBytes = 65536;
  static constexpr std::size_t kMostSegments = 64;      ///< UDP_MAX_SEGMENTS of older kernels
  static constexpr std::size_t kMostSendBytes = 65507;  ///< 65,535 less IPv4 and UDP header

 private:
  UdpSocket(FileDescriptor descriptor, const Endpoint& local, bool gso, bool gro);
  int send_segmented(const void* to, unsigned to_bytes, ByteView bytes, std::size_t segment_bytes,
                     std::uint8_t ecn) noexcept;
  SendResult send_singly(void* to, unsigned to_bytes, ByteView bytes, std::size_t segment_bytes,
                         std::uint8_t ecn) noexcept;

  FileDescriptor descriptor_;
  Endpoint local_;
  bool pass_over(int error, int& passed_over) noexcept;

  std::atomic<std::uint32_t> refusals_{0};
  std::atomic<bool> gso_;  ///< cleared for good when the NIC proves unable to checksum segments
  bool gro_;
};

}  // namespace causeway::net
