#include <nlohmann/json.hpp>

#include "history/path_figures.hpp"
#include "history/path_history.hpp"
#include "input.hpp"
#include "store/history_codec.hpp"
#include "store/sealed_json.hpp"

// A damaged history.json: as text, and with a right checksum over any content; what is read stays within its
// bounds, whatever the clock says.
CAUSEWAY_FUZZ_TARGET(history_file) {
  const bool is_sealed = input.byte() % 2 == 0;
  const auto now = WallTime(std::chrono::seconds(input.u32()));
  const std::string_view text = as_text(input.rest());
  if (is_sealed) {
    const auto content = store::unseal_json("history", text, "history.json");
    if (content) (void)store::decode_history(*content);
    return;
  }
  bool is_too_deep = false;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    is_too_deep = is_too_deep || depth > 30;
    return !is_too_deep;
  };
  const auto content = nlohmann::json::parse(text, check_depth, false);
  if (content.is_discarded() || is_too_deep) return;
  const auto stored = store::decode_history(content);
  if (!stored) return;
  const auto again = store::decode_history(store::encode(*stored));
  require(again && *again == *stored, "a history changes by being written");

  history::PathHistory history({}, *stored, now);
  require(history.path_count() <= store::kMaxHistoryPaths, "more paths than there is room for");
  for (const store::PeerHistory& peer : *stored) {
    for (const store::PathRecord& path : peer.paths) {
      const auto view = history.find(peer.identity, path.key, now);
      if (!view) continue;
      require(view->samples >= 0 && view->working_time >= Duration::zero(), "figures below zero");
      require(!view->loss || (*view->loss >= 0 && *view->loss <= 1), "a loss that is no share");
      require(view->last_used_ago >= Duration::zero(), "used in the future");
      auto& record = history.record(peer.identity, path.key, now);
      history::add_probes(record, 1, 1, 20ms, 1ms, now);
      history::add_working_time(record, 2s, now);
    }
  }
  require(store::decode_history(store::encode(history.snapshot())).has_value(),
          "what was read cannot be written and read again");
}
