#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace causeway::plugin {

/// What one instance of a plugin hands to the next, with what is needed to know it again.
struct SavedState {
  std::string plugin;  ///< whose it is: offered to nobody else
  std::uint32_t schema = 0;
  Bytes bytes;
  friend bool operator==(const SavedState&, const SavedState&) = default;
};

/// "CWST", schema, length of the state, CRC-32C of all that follows, length of the id, the id, the state.
/// Numbers are little-endian, 4 bytes but for the id's length (1).
Bytes seal_state(const SavedState& state);
/// The error says what is wrong with it.
Result<SavedState> open_state(ByteView envelope);

}  // namespace causeway::plugin
