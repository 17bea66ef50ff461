#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "net/endpoint.hpp"

namespace causeway::dataplane {

/// Sealed datagrams for one destination, back to back: all `segment_bytes` long, only the last may be shorter
/// (the shape of UDP_SEGMENT). Borrowed until send() returns.
struct SendBatch {
  ByteView bytes;
  std::uint16_t segment_bytes = 0;
  std::uint8_t ecn = 0;  ///< the two ECN bits of the outer IP header (RFC 6040)

  std::size_t segments() const { return (bytes.size() + segment_bytes - 1) / segment_bytes; }
};

enum class SendStatus : std::uint8_t {
  sent,
  would_block,  ///< the send buffer is full: the batch is lost, the path is fine
  too_big,      ///< a segment exceeds the path's MTU as the kernel knows it: nothing was sent
  unreachable,  ///< no route, or the NIC is down: this path is dead for now
  failed,       ///< any other errno
};

struct SendOutcome {
  SendStatus status = SendStatus::sent;
  int error = 0;                    ///< errno of the first failure, 0 if none
  std::uint32_t segments_sent = 0;  ///< how many left before that
};

/// What carries datagrams from one local base: a bound UDP socket, or a transport plugin's allocation. The
/// data plane knows no other difference between them. [data-loop thread], and send() also from the control
/// thread (implementations lock nothing: a UDP socket's sendmsg is atomic per datagram).
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual SendOutcome send(const net::Endpoint& to, const SendBatch& batch) noexcept = 0;
};

/// One receive: datagrams of one sender, in the same shape (UDP_GRO). Borrowed until the next receive.
struct ReceivedBatch {
  net::BaseId base = net::BaseId::none;
  net::Endpoint from;
  MutableByteView bytes;
  std::uint16_t segment_bytes = 0;
  std::uint8_t ecn = 0;  ///< of the outer IP headers; zero when the carrier can't tell
};

}  // namespace causeway::dataplane
