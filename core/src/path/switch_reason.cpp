#include "path/switch_reason.hpp"

namespace causeway::path {

std::string_view to_string(SwitchReason reason) {
  switch (reason) {
    case SwitchReason::none:
      return "none";
    case SwitchReason::first_valid:
      return "first-valid";
    case SwitchReason::nominated_by_peer:
      return "nominated-by-peer";
    case SwitchReason::selected_lost:
      return "selected-lost";
    case SwitchReason::withdrawn:
      return "withdrawn";
    case SwitchReason::selected_suspect:
      return "selected-suspect";
    case SwitchReason::data_lost:
      return "data-lost";
    case SwitchReason::agreed:
      return "agreed";
    case SwitchReason::higher_score:
      return "higher-score";
    case SwitchReason::vetoed:
      return "vetoed";
    case SwitchReason::configured:
      return "configured";
    case SwitchReason::all_lost:
      return "all-lost";
  }
  return "none";
}

std::string_view describe(SwitchReason reason) {
  switch (reason) {
    case SwitchReason::none:
      return "no path yet";
    case SwitchReason::first_valid:
      return "the first pair that worked";
    case SwitchReason::nominated_by_peer:
      return "the controlling side nominated it";
    case SwitchReason::selected_lost:
      return "the path in use before stopped being valid";
    case SwitchReason::withdrawn:
      return "the peer left the network of the path in use before";
    case SwitchReason::selected_suspect:
      return "the path in use before stopped answering";
    case SwitchReason::data_lost:
      return "data was lost on the path in use before";
    case SwitchReason::agreed:
      return "both sides together place it best";
    case SwitchReason::higher_score:
      return "the priority algorithms score it best";
    case SwitchReason::vetoed:
      return "the priority algorithms vetoed the path in use before";
    case SwitchReason::configured:
      return "the endpoint of a WireGuard peer";
    case SwitchReason::all_lost:
      return "no valid path is left";
  }
  return "no path yet";
}

}  // namespace causeway::path
