#pragma once

#include "dataplane/messages.hpp"

namespace causeway::dataplane {

/// Where a data loop leaves what the control thread must hear. [data-loop thread]
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// False when the queue is full; `event` is then unchanged and may be offered again.
  virtual bool push(Event&& event) noexcept = 0;
};

}  // namespace causeway::dataplane
