#pragma once

#include <cstddef>

#include "protocol/messages.hpp"

namespace causeway::server {

/// What of a list of nodes fits a line and the reader's limit of values, with room for the envelope.
struct PageBudget {
  std::size_t bytes = 48 * 1024;
  std::size_t values = 1600;

  bool take(std::size_t some_bytes, std::size_t some_values) {
    if (some_bytes > bytes || some_values > values) return false;
    bytes -= some_bytes;
    values -= some_values;
    return true;
  }
  bool take(const protocol::NodeInfo& node) {
    const std::size_t candidates = node.candidates.size();
    const std::size_t hints = node.hints ? node.hints->size() : 0;
    return take(592 + node.record.body.size() * 4 / 3 + candidates * 192 + hints * 224,
                10 + candidates * 6 + hints * 7);
  }
};

}  // namespace causeway::server
