#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "dataplane/event_sink.hpp"

namespace causeway::testing {

class RecordingEventSink final : public dataplane::EventSink {
 public:
  bool push(dataplane::Event&& event) noexcept override {
    if (is_full) return false;
    events.push_back(std::move(event));
    return true;
  }
  /// All events of one type, in order.
  template <class Type>
  std::vector<Type> of() const {
    std::vector<Type> found;
    for (const auto& event : events) {
      if (const auto* one = std::get_if<Type>(&event)) found.push_back(*one);
    }
    return found;
  }

  bool is_full = false;
  std::vector<dataplane::Event> events;
};

}  // namespace causeway::testing
