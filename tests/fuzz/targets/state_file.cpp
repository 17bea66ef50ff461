#include <nlohmann/json.hpp>

#include "input.hpp"
#include "store/sealed_json.hpp"
#include "store/state_codec.hpp"

// A damaged state file: as text, and with a right checksum over any content.
CAUSEWAY_FUZZ_TARGET(state_file) {
  const std::uint8_t kind = input.byte() % 4;
  const ByteView rest = input.rest();
  if (kind == 3) {
    (void)store::unseal_json("state", as_text(rest), "state.json");
    return;
  }
  // Nothing of ours is nested deeper, and what is does not open.
  bool is_too_deep = false;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    is_too_deep = is_too_deep || depth > 30;
    return !is_too_deep;
  };
  const auto content = nlohmann::json::parse(as_text(rest), check_depth, false);
  if (content.is_discarded() || is_too_deep) return;
  const auto unsealed = store::unseal_json("state", store::seal_json("state", content), "state.json");
  require(unsealed && *unsealed == content, "a sealed file does not open");
  if (kind == 0) (void)store::decode_keys(content);
  if (kind == 1) {
    const auto state = store::decode_state(content);
    if (!state) return;
    const auto again = store::decode_state(store::encode(*state));
    require(again && *again == *state, "a state changes by being written");
  }
  if (kind == 2) {
    const auto peers = store::decode_known_peers(content);
    if (!peers) return;
    const auto again = store::decode_known_peers(store::encode(*peers));
    require(again && *again == *peers, "known peers change by being written");
  }
}
