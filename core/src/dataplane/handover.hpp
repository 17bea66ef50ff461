#pragma once

#include "base/bytes.hpp"
#include "dataplane/carrier.hpp"
#include "tun/tun_device.hpp"

namespace causeway::dataplane {

/// What belongs to another data loop goes there: where a Forwarder leaves a frame for a peer that another
/// loop owns, and a datagram that arrived at the wrong socket. Bounded; all bytes are copied. [data-loop
/// thread]
class Handover {
 public:
  virtual ~Handover() = default;
  /// The loop that uses it; the owner of every index without bits of session::loop_mask(loops()) but this.
  virtual unsigned self() const = 0;
  virtual unsigned loops() const = 0;
  /// A frame as it was read from the TUN. False: the queue is full. `to` is another loop of loops().
  virtual bool give_frame(unsigned to, const tun::VnetHeader& header, ByteView frame) noexcept = 0;
  /// One datagram of `origin`. False: the queue is full.
  virtual bool give_datagram(unsigned to, const ReceivedBatch& origin, ByteView datagram) noexcept = 0;
};

}  // namespace causeway::dataplane
