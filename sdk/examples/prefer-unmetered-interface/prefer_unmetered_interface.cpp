// prefer-unmetered-interface: paths by NICs that cost by the byte come after all others; within both groups
// ICE's order stands. To be used alone, or stacked under a plugin that measures:
//   causeway plugin use priority-history:600 prefer-unmetered-interface:400
// Which NICs are metered stands in the node's configuration, or is guessed by name (modems, tethered phones):
//   "plugins": {"configuration": {"prefer-unmetered-interface": {"metered": ["wwan0", "wlan1"]}}}
#include <causeway/cpp/plugin.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace causeway_sdk;

bool begins_with(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

/// Whether `configuration` names the NIC in its list "metered". Names of NICs hold no quotes and no brackets,
/// so the text between them can be searched as it is.
bool is_listed(std::string_view configuration, std::string_view name) {
  const auto key = configuration.find("\"metered\"");
  if (key == std::string_view::npos) return false;
  const auto open = configuration.find('[', key);
  const auto close = configuration.find(']', key);
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  const std::string_view list = configuration.substr(open, close - open);
  return list.find('"' + std::string(name) + '"') != std::string_view::npos;
}

bool is_metered(std::string_view configuration, std::string_view name) {
  if (name.empty()) return false;  // not known: nothing is said against it
  if (configuration.find("\"metered\"") != std::string_view::npos) return is_listed(configuration, name);
  for (const char* prefix : {"wwan", "wwp", "ppp", "usb", "rmnet"}) {
    if (begins_with(name, prefix)) return true;
  }
  return false;
}

class PreferUnmeteredInterface final : public PriorityPlugin {
 public:
  using PriorityPlugin::PriorityPlugin;

  cw_status rank_candidates(const cw_decision&, Items<cw_candidate_view>, const cw_mutable_array*) override {
    return CW_ERROR_NOT_SUPPORTED;
  }

  cw_status score_pairs(const cw_decision& decision, Items<cw_pair_view> pairs,
                        const cw_mutable_array* scores) override {
    std::vector<std::uint64_t> order;
    for (std::uint32_t i = 0; i < pairs.size(); ++i)
      order.push_back(pairs.get(i).pair_priority);
    std::sort(order.begin(), order.end());
    for (std::uint32_t i = 0; i < pairs.size(); ++i) {
      const cw_pair_view pair = pairs.get(i);
      const cw_candidate_view local = read(pair.local);
      const std::string_view name = view(local.interface_name);
      const bool metered = is_metered(view(decision.configuration), name);
      // The upper half of the scale for what costs nothing; within a half, by ICE's order.
      const auto place = std::upper_bound(order.begin(), order.end(), pair.pair_priority) - order.begin();
      const std::int64_t within =
          (CW_MAX_SCORE / 2) * std::int64_t{place} / static_cast<std::int64_t>(order.size());
      ScoreOutput out(scores, i);
      out.score((metered ? 0 : CW_MAX_SCORE / 2) + within);
      out.reason(std::string(name.empty() ? "NIC not known" : name) +
                 (metered ? " is metered" : " is not metered"));
    }
    return CW_OK;
  }
};

}  // namespace

CAUSEWAY_PLUGIN(PreferUnmeteredInterface, "prefer-unmetered-interface", "Prefer unmetered interfaces",
                "1.0.0", "Paths by NICs that cost by the byte come last");
