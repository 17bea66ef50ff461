#pragma once

#include "base/result.hpp"

namespace causeway::dataplane {

/// Tells the kernel which socket of a reuse-port group gets a datagram: the one whose number the low bits of
/// the receiver index name (session::loop_mask), so that a session's data arrives at the loop that owns it.
/// Everything else goes to socket 0, and so does data for a loop that is not there. By `descriptor`, any
/// socket of the group, after all `loops` are bound. Without it (an old kernel) the group still works: what
/// arrives at the wrong loop is handed over.
///
/// Of datagrams that the NIC or UDP_GRO has joined only the first one is looked at.
Result<void> steer_by_receiver_index(int descriptor, unsigned loops);

}  // namespace causeway::dataplane
