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
    return take(576 + node.record.body.size() * 4 / 3 + candidates * 192, 9 + candidates * 6);
  }
};

}  // namespace causeway::server
