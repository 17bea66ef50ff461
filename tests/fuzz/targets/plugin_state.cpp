#include <algorithm>

#include "causeway/ext/state.h"
#include "input.hpp"
#include "plugin/state_envelope.hpp"

// What an instance hands to the next, or what stands in a trace: what opens is what would be sealed.
CAUSEWAY_FUZZ_TARGET(plugin_state) {
  const ByteView envelope = input.rest();
  const auto state = plugin::open_state(envelope);
  if (!state) {
    require(!state.error().message.empty(), "a refusal without a reason");
    return;
  }
  require(state->bytes.size() <= CW_MAX_STATE, "too long");
  const Bytes sealed = plugin::seal_state(*state);
  require(sealed.size() == envelope.size() && std::equal(sealed.begin(), sealed.end(), envelope.begin()),
          "sealed again it is another one");
}
