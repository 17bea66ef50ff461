#pragma once

#include <cstdint>

#include "dataplane/carrier.hpp"

namespace causeway::dataplane {

enum class ReceiveStatus : std::uint8_t {
  received,
  empty,  ///< nothing there: wait for the descriptor
  error,  ///< the socket reported something that is not a datagram
};

/// A carrier whose datagrams the data loop reads itself. [data-loop thread]
class PollableCarrier : public Carrier {
 public:
  /// To wait for readability, valid while the object lives.
  virtual int descriptor() const = 0;
  /// Never blocks. `buffer` holds kReceiveBytes; `received.bytes` borrows from it, or from the carrier, until
  /// the next receive.
  virtual ReceiveStatus receive(MutableByteView buffer, ReceivedBatch& received) noexcept = 0;
  /// Something was read from the descriptor and not handed over: receive() again, no matter what epoll says.
  virtual bool has_more() const { return false; }
};

inline constexpr std::size_t kReceiveBytes = 65536;

}  // namespace causeway::dataplane
